"""Numbers into sentences. Plain and precise; never a diagnosis."""

import math
import re

from nero_core.types import Channels, Concept, Detection, Verdict

SYMBOL: dict[Verdict, str] = {"like": "●", "borderline": "▲", "unlike": "◆"}
HEADLINE: dict[Verdict, str] = {
    "like": "Like the reference images",
    "borderline": "Borderline",
    "unlike": "Unlike the reference images",
}
ADVICE: dict[Verdict, str] = {
    "like": "Nothing about this image stands out from the reference set.",
    "borderline": "Accepted, but few reference images score as high. Worth a second look.",
    "unlike": "Have it looked at.",
}

DIMMED = (
    "Dimmed: the probability only compares the classes that the classifier knows, and this image is unlike all of them."
)

SYNTHETIC = "This reference set is drawn, not taken: its verdict on a real image means little."

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MEASURES = {
    "auroc": "AUROC",
    "aupr": "AUPR",
    "fpr95_id_positive": "FPR95 (ID positive)",
    "fpr95_ood_positive": "FPR95 (OOD positive)",
}
_FIGURE = re.compile(rf"([a-z]+)_({'|'.join(_MEASURES)})(?: (.+))?")
_FIGURES = {
    "held_out_id_images": "Held-out ID images",
    "held_out_ood_images": "Held-out OOD images",
    "id_accuracy": "Accuracy on ID images",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")


def plain(text: str) -> str:
    """Text that Markdown shows as it is. File names are hostile: they could hold links, pictures or formulas."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def number(value: float, digits: int = 3) -> str:
    """A number for reading: three significant digits, powers of ten written out, a true minus sign."""
    if not math.isfinite(value):
        return "not defined"
    if value == 0:
        return "0"
    size = abs(value)
    if 0.0005 <= size < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        shown = f"{size:.{decimals}f}"
    else:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        shown = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return f"−{shown}" if value < 0 else shown


def percent(share: float) -> str:
    """``0.975`` → ``97.5 %``, with a space that does not break: up to three significant digits."""
    return f"{float(f'{100 * share:.3g}'):g}\u00a0%"


def figure(name: str) -> str:
    """A figure of the card, named: ``nero_auroc polyps`` → ``NERO AUROC, polyps``; an unknown name stays as it is."""
    known = _FIGURE.fullmatch(name)
    if known is None:
        return _FIGURES.get(name, name)
    detector, measure, of_class = known.groups()
    return f"{detector.upper()} {_MEASURES[measure]}" + (f", {of_class}" if of_class else "")


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
        f"which accepts {percent(detection.tpr)} of reference images"
    )


def use(relevance: float, centroid: float) -> str:
    """How an image uses a channel against its nearest class: ``over-used ×3.1``, ``under-used ×0.4``, ``missing``."""
    if relevance > centroid:
        if centroid > 0 and relevance / centroid < 100:
            ratio = relevance / centroid
            return "slightly over-used" if ratio < 1.05 else f"over-used ×{number(ratio, 2)}"
        return "used only here"
    if relevance == centroid:
        return "used as much"
    if centroid <= 0:
        return "speaks against"
    ratio = relevance / centroid
    if ratio < -0.05:
        return "turned against"
    return "missing" if ratio < 0.1 else f"under-used ×{number(ratio, 2)}"


def concept(item: Concept) -> str:
    """The heading of a concept: ``417 over-used ×3.1``."""
    return f"{item.channel} {use(item.relevance, item.centroid)}"


def channel(channels: Channels, index: int, class_names: tuple[str, ...] | list[str]) -> str:
    """One channel of one image, said in a sentence."""
    here, usual = float(channels.relevance[index]), float(channels.centroid[index])
    part, whole = float(channels.share[index]), float(channels.share.sum())
    of_distance = f" ({percent(part / whole)})" if whole > 0 else ""
    return (
        f"Channel {index}: relevance {number(here)} here, {number(usual)} on average in "
        f"{class_names[channels.nearest]}; {use(here, usual)}. Adds {number(part)}{of_distance} to the distance."
    )


def conservation(value: float, is_evidence: bool = False) -> str:
    """How much of the relevance a heatmap kept; evidence starts from the over-used channels alone."""
    if not math.isfinite(value):
        none = "no channel is over-used in this image" if is_evidence else "no relevance started here"
        return f"Nothing to show: {none}."
    return f"Keeps {value:.2f} of the relevance it started from (1.00 = nothing lost)."
