"""The verdict in a figure: the score against its threshold, and NERO's score taken apart."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING

from nero_core.figures.bars import draw_bars
from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.numbers import number
from nero_core.figures.score_axis import score_domain
from nero_core.figures.style import HERE, ID, LARGE, OOD, SINGLE, SMALL, label, method_name, styled
from nero_core.figures.wording import HEADLINE
from nero_core.types import TESTS, Detection, ReferenceScores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEFT, _RIGHT = 0.3, SINGLE - 0.15  # inches: where the scale begins and ends


@styled()
def verdict_figure(
    detection: Detection, reference: ReferenceScores, class_names: Sequence[str], nearest: int, index: int = 0
) -> "Figure":
    """The verdict, the score on a scale with its threshold (a) and, of NERO, the terms that make it (b); single column.

    Args:
        detection: of the image.
        reference: scores of the banks, for the ends of the scale.
        class_names: of the ID classes.
        nearest: class whose centroid is nearest.
        index: of the image among those of the detection.
    """
    is_apart = "scale" in detection.terms  # NERO's alone
    canvas = Canvas(SINGLE, 2.19 if is_apart else 1.22)
    y = 0.1 + canvas.words(HEADLINE[detection.verdict(index)], 0.05, 0.05, SINGLE - 0.1, LARGE, weight="bold")
    y += canvas.words(detection_line(detection, class_names, index), 0.05, y, SINGLE - 0.1, lines=3) + 0.08
    if is_apart:
        canvas.words("a", 0.05, y, 0.2, LARGE, weight="bold")
    _scale(canvas, y + 0.06, float(detection.score[index]), detection.limits(index).threshold, reference)
    if is_apart:
        distance, bias, scale = (float(detection.terms[name][index]) for name in ("distance", "bias", "scale"))
        y += 0.62
        canvas.words("b", 0.05, y, 0.2, LARGE, weight="bold")
        total = number(float(detection.score[index]))
        formula = f"(distance {number(distance)} + bias term {number(bias)}) × scale {number(scale)} = score {total}"
        canvas.words(formula, 0.2, y + 0.02, SINGLE - 0.25)
        names = [f"distance to {label(class_names[nearest], 24)}", "bias term", "both, times the scale"]
        left = 0.15 + max(text_width(name, SMALL) for name in names)
        axes = canvas.plot(left, y + 0.19, SINGLE - left - 0.08, 0.52)
        draw_bars(axes, [distance, bias, (distance + bias) * scale], SINGLE - left - 0.08, marked=(2,))
        axes.set_yticks(range(3), names, fontsize=SMALL)
    return canvas.figure


def detection_line(detection: Detection, class_names: Sequence[str], index: int = 0) -> str:
    """Score, threshold, p-value and prediction in a line."""
    predicted = (
        f"predicted {label(class_names[int(detection.predicted[index])])} "
        f"({100 * float(detection.confidence[index]):.1f} %)"
    )
    if "p_nero" in detection.terms:
        tests = ", ".join(
            f"{method_name(name)} p = {number(float(detection.terms[f'p_{part}'][index]))}"
            for name, part in TESTS.items()
        )
        return f"two tests together, p = {number(float(detection.p_value[index]))} ({tests}); {predicted}"
    limits = detection.limits(index)
    side = "above" if bool(detection.is_ood[index]) else "at or below"
    against = f"{side} the threshold {number(limits.threshold)}" if limits.can_reject else "without a threshold"
    return (
        f"{method_name(detection.detector)} score {number(float(detection.score[index]))}, {against}; "
        f"p = {number(float(detection.p_value[index]))}; {predicted}"
    )


def _scale(canvas: Canvas, y: float, score: float, threshold: float, reference: ReferenceScores) -> None:
    """From the lowest to the highest score: blue up to the threshold, orange beyond, a dot for this image."""
    low, high = score_domain(reference, score)
    shares = (min(max((value - low) / (high - low), 0.0), 1.0) for value in (threshold, score))
    cut, here = (_LEFT + (_RIGHT - _LEFT) * share for share in shares)
    canvas.bar(_LEFT, y + 0.2, cut - _LEFT, 0.05, ID)
    canvas.bar(cut, y + 0.2, _RIGHT - cut, 0.05, OOD)
    canvas.bar(cut - 0.006, y + 0.16, 0.012, 0.13, HERE)
    canvas.dot(here, y + 0.225, 0.055, HERE)
    beyond = " (off the scale)" if score > high else ""
    above, below = f"this image {number(score)}{beyond}", _threshold_words(threshold)
    for text, at, line in ((above, here, 0.02), (below, cut, 0.31)):
        room = text_width(text, SMALL) + 0.1
        canvas.words(
            text, min(max(at - room / 2, _LEFT - 0.08), SINGLE - 0.05 - room), y + line, room, SMALL, align="center"
        )


def _threshold_words(threshold: float) -> str:
    return f"threshold {number(threshold)}" if isfinite(threshold) else "no threshold"
