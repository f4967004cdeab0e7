"""What a verdict says."""

from dashboard.words.numbers import percent
from nero_core.detectors import OURS
from nero_core.figures import number
from nero_core.types import LAST_STAGE, TESTS, Detection, Verdict

SYMBOL: dict[Verdict, str] = {"like": "●", "borderline": "▲", "unlike": "◆"}
ADVICE: dict[Verdict, str] = {
    "like": "Nothing about this image stands out from the reference set.",
    "borderline": "It passes, but few reference images score as high. Worth a second look.",
    "unlike": "Have it looked at.",
}
FOREIGN = (
    "Already the first stages of the network find it unlike: it is probably another kind of picture than the "
    "reference images, rather than a finding in one of them."
)
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


def two_tests(detection: Detection, index: int) -> list[tuple[str, str]]:
    """What each of the verdict's two tests says, by its name: ``p 0.003, unlike, most of it at blocks.4``."""
    lines = []
    for name, part in TESTS.items():
        p, usual = float(detection.terms[f"p_{part}"][index]), _usual(detection, part, index)
        where = f", most of it at {deepest_part(detection, index)}" if name == "nero_deep" and usual != "usual" else ""
        lines.append((OURS[name], f"p {number(p, 2)}, {usual}{where}"))
    return lines


def tests_disagree(detection: Detection, index: int) -> bool:
    """Whether one of the verdict's two tests says unlike and the other usual; never of a single method."""
    said = {_usual(detection, part, index) for part in TESTS.values() if f"p_{part}" in detection.terms}
    return {"unlike", "usual"} <= said


def _usual(detection: Detection, part: str, index: int) -> str:
    p = float(detection.terms[f"p_{part}"][index])
    return "unlike" if p <= 1 - detection.tpr + 1e-12 else "rare" if p <= 2 * (1 - detection.tpr) else "usual"


def deciding(detection: Detection, index: int) -> str:
    """The test whose p-value is smaller; the first where both are the same."""
    return min(TESTS, key=lambda name: float(detection.terms[f"p_{TESTS[name]}"][index]))


def deepest_part(detection: Detection, index: int) -> str:
    """The stage that adds most to the score of all depths."""
    parts = detection.stage_parts
    return stage_name(max(parts, key=lambda name: float(parts[name][index])))


def stage_name(stage: str) -> str:
    """A stage of the network in a sentence."""
    return "the last stage" if stage == LAST_STAGE else f"stage {stage}"


def change(before: float, after: float) -> str:
    """What a score did: ``0.41 → 1.80, 4.4 times as high``."""
    text = f"{number(before)} → {number(after)}"
    if before <= 0 or after <= 0:
        return text
    ratio = after / before
    if 0.995 < ratio < 1.005:
        return f"{text}, {'unchanged' if after == before else 'hardly changed'}"
    return f"{text}, {number(ratio, 2)} times as high" if ratio > 1 else f"{text}, {number(ratio, 2)} of what it was"


def experiment(did: str, before: Detection, after: Detection) -> str:
    """What a prepared experiment did to one image, by NERO: nothing is said that these two answers do not show.

    Args:
        did: what was done, as the subject of a sentence: ``the blur``.
        before: of the image as it is.
        after: of the image as it was changed.
    """
    moved = f"p {number(float(before.p_value[0]), 2)} → {number(float(after.p_value[0]), 2)}"
    was_unlike, is_unlike = bool(before.is_ood[0]), bool(after.is_ood[0])
    if was_unlike and is_unlike:
        return f"With {did} NERO still calls the image unlike ({moved})."
    if was_unlike:
        says = f"With {did} NERO no longer calls the image unlike ({moved}, now {after.verdict(0)})."
        return f"{says} A pass is no proof that nothing is there."
    if is_unlike:
        return f"With {did} NERO calls the image unlike, and before it did not ({moved}). It judges the picture."
    return f"With {did} NERO still lets the image pass ({moved}). Not every change that you see counts for it."


def tally(right: int, total: int) -> str:
    """``7 of 10 right``."""
    return f"{right} of {total} right"
