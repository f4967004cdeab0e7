"""One sheet that says why an image got its score: image, heatmaps, concepts, mean relevance ID against OOD."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from nero_core.figures.canvas import LINE, Canvas, wrap
from nero_core.figures.mean_relevance import draw_mean_relevance, mean_relevance_height
from nero_core.figures.panels import (
    OPACITY,
    Thumbnails,
    colours_say,
    concepts_unit,
    draw_reference,
    no_evidence,
    picture_height,
)
from nero_core.figures.render import Kind, concept_maps, evidence_as_shown, heat_limit, overlay, smooth
from nero_core.figures.style import DOUBLE, LARGE, PLAIN, SMALL, label, styled
from nero_core.figures.verdict import detection_line
from nero_core.figures.wording import (
    HEADLINE,
    UNLIKE,
    cancelling,
    channel_use_briefly,
    conservation_text,
    conservation_text_briefly,
    heatmap_text,
    here_and_usual,
    own_limit,
    unlike_text,
)
from nero_core.types import Channels, Concept, Detection, Explanation, MeanRelevance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CONCEPTS = 8  # two rows of four; more would not fit on a page

_SIDE = 2.2  # inches of a panel of the first row
_CARD, _MAP, _THUMBNAIL = 1.66, 0.96, 0.32  # inches of a concept, its heatmap and its reference images


@styled()
def figure_sheet(
    pixels: UInt8[np.ndarray, "height width 3"],
    channels: Channels,
    mean: MeanRelevance,
    class_names: Sequence[str],
    explanation: Explanation | None = None,
    references: Thumbnails = (),
    reference_names: Sequence[Sequence[str]] = (),
    detection: Detection | None = None,
    reason: str = "",
    opacity: float = OPACITY,
    note: str = "",
) -> "Figure":
    """Image, class heatmap and where it is unlike, or evidence where the bundle keeps no patches; concepts with their
    conditional heatmaps and reference images; mean relevance of every channel over ID and OOD images beside this
    image's; double column.

    Args:
        pixels: the picture.
        channels: of the image.
        mean: over the banks.
        class_names: of the ID classes.
        explanation: heatmaps and concepts; None where the architecture has none, and ``reason`` then says why.
        references: encoded thumbnails, for each concept; None where one is missing.
        reference_names: their classes, for each concept.
        detection: of the image, for the line of numbers at the top.
        reason: why there is no heatmap.
        opacity: of the maps.
        note: what a reader must know of the reference set, below the line of numbers.

    Reference:
        Chhetri et al., NERO, MICCAI 2025, figure 3.
    """
    concepts = () if explanation is None else explanation.concepts[:MOST_CONCEPTS]
    rows, panel, card = -(-len(concepts) // 4), _SIDE * picture_height(pixels), _MAP + 0.6
    strips = mean_relevance_height(mean)
    head = (0.3 if detection is not None else 0.05) + (0.18 if note else 0.0)
    top = 0.22 + panel + (0.72 if explanation is not None and _cancels(explanation) else 0.5)
    maps, scale, limits = concept_maps(concepts, 0.0 if explanation is None else explanation.sigma)
    unit, below = "", 0.0
    if explanation is not None and concepts:
        unit = concepts_unit(explanation, concepts, sum(item != scale for item in limits))
        below = 0.28 + len(wrap(unit, 2 * _CARD + 0.15, SMALL, 4)) * LINE * SMALL
    middle = (0.22 + rows * card + below) if concepts else 0.0
    canvas = Canvas(DOUBLE, head + top + middle + 0.34 + strips)
    if detection is not None:
        says = f"{HEADLINE[detection.verdict(0)]}: {detection_line(detection, class_names)}"
        canvas.words(says, 0.05, 0.06, DOUBLE - 0.1, PLAIN)
    if note:
        canvas.words(note, 0.05, head - 0.22, DOUBLE - 0.1, PLAIN)
    _first_row(canvas, head, panel, pixels, explanation, class_names, reason, opacity)
    if explanation is not None and concepts:
        _letter(canvas, 0.05, head + top, "d", _concepts_title(explanation, len(concepts)))
        for place, (concept, heatmap, limit) in enumerate(zip(concepts, maps, limits, strict=True)):
            x = 0.05 + (place % 4) * (_CARD + 0.15)
            y = head + top + 0.22 + (place // 4) * card
            pictures = (references[place] if place < len(references) else ())[:4]
            names = (reference_names[place] if place < len(reference_names) else ())[:4]
            shown = overlay(pixels, heatmap, opacity, limit)
            _concept(canvas, x, y, concept, shown, own_limit(limit, scale), pictures, names)
        canvas.scale("signed", scale, unit, 0.05, head + top + middle - below, 2 * _CARD + 0.15)
    y = head + top + middle
    _letter(canvas, 0.05, y, "e" if concepts else "b", "Mean relevance of every channel")
    named = [concept.channel for concept in concepts]
    draw_mean_relevance(canvas, 0.55, y + 0.34, DOUBLE - 0.65, channels, mean, named)
    return canvas.figure


def _first_row(
    canvas: Canvas,
    y: float,
    panel: float,
    pixels: UInt8[np.ndarray, "height width 3"],
    explanation: Explanation | None,
    class_names: Sequence[str],
    reason: str,
    opacity: float,
) -> None:
    _panel(canvas, 0, y, panel, "a", "Image", pixels)
    if explanation is None:
        text = f"No heatmap. {reason}" if reason else "No heatmap."
        canvas.words(text, 0.3 + _SIDE, y + 0.3, DOUBLE - _SIDE - 0.5, PLAIN, lines=10)
        return
    explained, nearest = (
        label(class_names[index]) for index in (explanation.explained_class, explanation.channels.nearest)
    )
    made_by = explanation.concept_composite
    heatmap = smooth(explanation.heatmap, explanation.sigma)
    evidence, kind = evidence_as_shown(explanation.nero_evidence, explanation.sigma)
    says = conservation_text(explanation.evidence_conservation, explanation.evidence_cancellation, made_by)
    distance = f"distance per pixel; {colours_say(kind)}{says}"
    keeps = heatmap_text(explanation)
    _panel(
        canvas, 1, y, panel, "b", f"Class heatmap: {explained}",
        overlay(pixels, heatmap, opacity, heat_limit(heatmap)) if heatmap.any() else pixels,
        ("signed", heat_limit(heatmap), f"relevance per pixel; {keeps}")
        if heatmap.any() else "No relevance reached the pixels.",
    )  # fmt: skip
    if (unlike := explanation.unlike) is not None:
        values = smooth(unlike.heatmap, unlike.sigma)
        _panel(
            canvas, 2, y, panel, "c", UNLIKE, overlay(pixels, values, opacity, unlike.limit, "positive"),
            ("positive", unlike.limit, f"beyond what is usual; {unlike_text(unlike)}"),
        )  # fmt: skip
        return
    _panel(
        canvas, 2, y, panel, "c", f"Evidence: distance to {nearest}",
        overlay(pixels, evidence, opacity, heat_limit(evidence), kind) if evidence.any() else pixels,
        (kind, heat_limit(evidence), distance) if evidence.any() else no_evidence(explanation),
    )  # fmt: skip


def _panel(
    canvas: Canvas,
    column: int,
    y: float,
    height: float,
    letter: str,
    title: str,
    shown: UInt8[np.ndarray, "height width 3"],
    below: tuple[Kind, float, str] | str = "",
) -> None:
    x = 0.05 + column * (_SIDE + 0.25)
    _letter(canvas, x, y, letter, title, _SIDE)
    canvas.picture(shown, x, y + 0.22 - (_SIDE - height) / 2, _SIDE)
    if isinstance(below, str):
        canvas.words(below, x, y + 0.22 + height + 0.06, _SIDE, SMALL, lines=2)
    else:
        canvas.scale(*below, x, y + 0.22 + height + 0.06, _SIDE)


def _concept(
    canvas: Canvas,
    x: float,
    y: float,
    concept: Concept,
    shown: UInt8[np.ndarray, "height width 3"],
    colours: str,
    references: Sequence[bytes | None],
    names: Sequence[str],
) -> None:
    use = channel_use_briefly(concept.relevance, concept.centroid)
    canvas.words(f"{concept.channel} {use}", x, y, _CARD, PLAIN, weight="bold")
    canvas.words(here_and_usual(concept.relevance, concept.centroid), x, y + 0.12, _CARD, SMALL)
    canvas.words(conservation_text_briefly(concept.conservation, concept.cancellation), x, y + 0.22, _CARD, SMALL)
    canvas.picture(shown, x, y + 0.34, _MAP)
    canvas.words(colours, x + _MAP + 0.03, y + 1.01, _CARD - _MAP, SMALL, lines=3)
    for place, data in enumerate(references):
        left = x + _MAP + 0.03 + (place % 2) * (_THUMBNAIL + 0.02)
        draw_reference(canvas, data, "", left, y + 0.34 + (place // 2) * (_THUMBNAIL + 0.02), _THUMBNAIL)
    if names:
        counted = ", ".join(f"{label(name)} {count}" for name, count in Counter(names).most_common())
        canvas.words(f"references: {counted}", x, y + 0.36 + _MAP, _CARD, SMALL, lines=2)


def _cancels(explanation: Explanation) -> bool:
    return any(map(cancelling, (explanation.cancellation, explanation.evidence_cancellation)))


def _letter(canvas: Canvas, x: float, y: float, letter: str, title: str, width: float = DOUBLE - 0.1) -> None:
    canvas.words(letter, x, y, 0.2, LARGE, weight="bold")
    canvas.words(title, x + 0.15, y + 0.02, width - 0.15, PLAIN)


def _concepts_title(explanation: Explanation, shown: int) -> str:
    part = f", {shown} of the {len(explanation.concepts)} asked for" if shown < len(explanation.concepts) else ""
    relevance = "its relevance here and in the nearest class (mean)"
    return f"Concepts{part}: channel on the image, {relevance}, reference images that use it most"
