"""What a verdict says, in the words that the screen and the report of a case share. Plain; never a diagnosis."""

from collections.abc import Sequence

from nero_core.detectors.catalog import OURS
from nero_core.figures.numbers import number, percent
from nero_core.figures.wording import SYNTHETIC
from nero_core.types import LAST_STAGE, TESTS, Detection, SimilarCases, Verdict

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


def advice(detection: Detection, index: int, is_synthetic: bool = False, unlike: float = 1.0) -> str:
    """What to make of the verdict; of drawn reference images, also what that is worth.

    Args:
        detection: of the image.
        index: of the image in the detection.
        is_synthetic: whether the reference images are drawn.
        unlike: share of the image that is unlike the reference images, patch by patch; 1 where it is not known.
    """
    verdict = detection.verdict(index)
    says = ADVICE[verdict]
    if is_synthetic:
        says = SYNTHETIC if verdict == "like" else f"{says} {SYNTHETIC}"
    return f"{FOREIGN} {says}" if detection.is_foreign(index, unlike) else says


def predicted(detection: Detection, index: int, class_names: Sequence[str]) -> str:
    """``normal-cecum, probability 0.98``; of an image that is unlike, also why that does not count."""
    named = f"{class_names[int(detection.predicted[index])]}, probability {float(detection.confidence[index]):.2f}"
    return f"{named}. {DIMMED}" if bool(detection.is_ood[index]) else named


def nearest_class(name: str) -> str:
    """The class whose centroid is nearest, and whose word that is."""
    return f"{name} (by NERO, centroid of its relevance)"


def similar(cases: SimilarCases) -> str:
    """Whether any reference image is near, and how near is near."""
    near = f"near is up to {cases.limit:.2f}, within which {round(100 * cases.share)} % of other ID images have one"
    if cases.is_near:
        return f"The nearest by the angle between features; {near}."
    return f"No reference image is similar. The nearest is at a distance of {cases.distances[0]:.2f}; {near}."
