"""What a verdict says, in the words that the screen and the report of a case share. Plain; never a diagnosis."""

from collections.abc import Sequence

from nero_core.detectors.catalog import OURS
from nero_core.figures.numbers import number, percent
from nero_core.figures.wording import SYNTHETIC
from nero_core.types import LAST_STAGE, TESTS, VERDICT, Detection, SimilarCases, Verdict

SYMBOL: dict[Verdict, str] = {"like": "●", "borderline": "▲", "unlike": "◆"}
ADVICE: dict[Verdict, str] = {
    "like": "Nothing about this image stands out from the reference set.",
    "borderline": "It passes, but few reference images score as high. Worth a second look.",
    "unlike": "Have it looked at.",
}
TOO_FEW = "The reference set has too few images of its class to tell."
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
    score, limits = number(float(detection.score[index])), detection.limits(index)
    if not limits.can_reject:
        return f"{score}, without a threshold: too few calibration images of this class"
    side = "above" if bool(detection.is_ood[index]) else "at or below"
    of_class = "" if detection.by_class is None else " of this class"
    return (
        f"{score}, {side} the threshold {number(limits.threshold)}, "
        f"which {percent(detection.tpr)} of reference images{of_class} pass"
    )


def sentence(detection: Detection, index: int, class_names: Sequence[str]) -> str:
    """The decision on one image: what was counted, the p-value that follows, and the word that two rates make of it.

    Every number in it can be had from the record: n, the count c, ``p = (1 + c)/(n + 1)``, both rates.
    """
    limits, count = detection.limits(index), detection.as_high(index)
    n, p = limits.calibration_size, number(float(detection.p_value[index]), 2)
    name = class_names[int(detection.predicted[index])]
    called = "" if detection.by_class is None else f" that the classifier calls {name}"
    verb, both = ("rank", " in one of the two tests") if detection.detector == VERDICT else ("score", "")
    counted = f"{count or 'none'} {verb}{'' if count > 1 else 's'} as high as this image{both}"
    least = f", the smallest that {n} images can give" if (1 + count) / (n + 1) <= limits.smallest_p + 1e-12 else ""
    says = f"Of the {n} calibration images{called}, {counted}: p = (1 + {count})/({n} + 1) = {p}{least}."
    passes, like = f"At {percent(detection.tpr)} acceptance", f"at {percent(detection.like_rate)}"
    verdict = detection.verdict(index)
    if verdict == "unlike":
        return f"{says} {passes} it is unlike."
    if not limits.can_reject:
        few = f"{passes} they are too few to call any image unlike; {detection.enough} would be enough."
        return f"{says} {few}" + (f" {like.capitalize()} it would not pass: borderline." if verdict != "like" else "")
    if verdict == "borderline":
        return f"{says} {passes} it passes, {like} it would not: borderline."
    return (
        f"{says} {passes} it passes" + (f", and {like} too" if detection.like_rate < detection.tpr else "") + ": like."
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
    return "unlike" if p <= 1 - detection.tpr + 1e-12 else "rare" if p <= 1 - detection.like_rate + 1e-12 else "usual"


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
    says = ADVICE[verdict] if verdict != "like" or detection.limits(index).can_reject else TOO_FEW
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
    """Whether any reference image is near, and of how many ID images none is."""
    near = (
        f"near is up to {cases.limit:.2f}; of about {round(100 * (1 - cases.share))} % of unseen ID images "
        "no reference image is so near"
    )
    if cases.is_near:
        return f"The nearest by the angle between features; {near}."
    return f"No reference image is similar. The nearest is at a distance of {cases.distances[0]:.2f}; {near}."
