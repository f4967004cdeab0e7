"""What a verdict says."""

from dashboard.words.numbers import percent
from nero_core.figures import number
from nero_core.types import Detection, Verdict

SYMBOL: dict[Verdict, str] = {"like": "●", "borderline": "▲", "unlike": "◆"}
ADVICE: dict[Verdict, str] = {
    "like": "Nothing about this image stands out from the reference set.",
    "borderline": "It passes, but few reference images score as high. Worth a second look.",
    "unlike": "Have it looked at.",
}
DIMMED = (
    "Grey because it does not count here: the classifier must choose one of its classes, even for a foreign picture."
)


def p_value(p: float, calibration_size: int) -> str:
    """The conformal p-value, with what it counts and the smallest it can be."""
    count = max(0, round(p * (calibration_size + 1)) - 1)
    if count == 0:
        return (
            f"p = {number(p, 2)}: none of the {calibration_size} calibration images scored as high. "
            f"1/{calibration_size + 1} is the smallest p that {calibration_size} images can give."
        )
    return f"p = {number(p, 2)}: {count} of the {calibration_size} calibration images scored as high or higher."


def threshold(detection: Detection, index: int) -> str:
    """Where the score lies, and what the threshold was set to."""
    side = "above" if bool(detection.is_ood[index]) else "at or below"
    return (
        f"{number(float(detection.score[index]))}, {side} the threshold {number(detection.threshold)}, "
        f"which {percent(detection.tpr)} of reference images pass"
    )


def change(before: float, after: float) -> str:
    """What a score did: ``0.41 → 1.80, 4.4 times as high``."""
    text = f"{number(before)} → {number(after)}"
    if before <= 0 or after <= 0:
        return text
    ratio = after / before
    if 0.995 < ratio < 1.005:
        return f"{text}, {'unchanged' if after == before else 'hardly changed'}"
    return f"{text}, {number(ratio, 2)} times as high" if ratio > 1 else f"{text}, {number(ratio, 2)} of what it was"


def tally(right: int, total: int) -> str:
    """``7 of 10 right``."""
    return f"{right} of {total} right"
