"""Figures of pictures: the image, its heatmaps, and concepts with their reference images."""

from collections.abc import Sequence
from math import ceil, isnan
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from nero_core.data.decode import THUMBNAIL_LIMITS, decode_image
from nero_core.errors import ImageError
from nero_core.figures.canvas import LINE, Canvas, wrap
from nero_core.figures.render import Kind, concept_maps, evidence_as_shown, heat_limit, overlay, smooth
from nero_core.figures.style import DOUBLE, LARGE, PLAIN, SINGLE, SMALL, label, styled
from nero_core.figures.wording import (
    MUCH_CANCELLATION,
    SIGNS_CANCEL,
    UNLIKE,
    channel_use,
    conservation_text,
    conservation_text_briefly,
    heatmap_text,
    here_and_usual,
    own_limit,
    unlike_text,
)
from nero_core.types import Concept, Explanation, Unlikeness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPACITY = 0.75
GAP = 0.08  # inches between pictures

Picture = UInt8[np.ndarray, "height width 3"]
Map = Float[np.ndarray, "rows columns"]
Thumbnails = Sequence[Sequence[bytes | None]]


@styled()
def image_figure(pixels: Picture) -> "Figure":
    """The image alone; single column."""
    side = SINGLE - 0.1
    canvas = Canvas(SINGLE, 0.1 + side * picture_height(pixels))
    _fitted(canvas, pixels, 0.05, 0.05, side)
    return canvas.figure


@styled()
def heatmap_figure(
    pixels: Picture, explanation: Explanation, class_names: Sequence[str], opacity: float = OPACITY
) -> "Figure":
    """The class heatmap on the image, its colours, its unit and how much relevance it keeps; single column."""
    name = label(class_names[explanation.explained_class])
    says = heatmap_text(explanation)
    unit = f"relevance per pixel; green speaks for {name}, purple against it; {says}"
    nothing = "No relevance reached the pixels: there is no heatmap to show."
    heatmap = smooth(explanation.heatmap, explanation.sigma)
    return _map_figure(f"Class heatmap of {name}", pixels, (heatmap, "signed"), opacity, unit, nothing)


@styled()
def evidence_figure(
    pixels: Picture, explanation: Explanation, class_names: Sequence[str], opacity: float = OPACITY
) -> "Figure":
    """Where the distance comes from, on the image; as ``heatmap_figure``."""
    name = label(class_names[explanation.channels.nearest])
    evidence, kind = evidence_as_shown(explanation.nero_evidence, explanation.sigma)
    says = conservation_text(
        explanation.evidence_conservation, explanation.evidence_cancellation, explanation.concept_composite
    )
    unit = f"distance per pixel, from channels used more than usual; {colours_say(kind)}{says}"
    nothing = f"{no_evidence(explanation)} There is no evidence to show."
    return _map_figure(f"Evidence for the distance to {name}", pixels, (evidence, kind), opacity, unit, nothing)


@styled()
def unlike_figure(pixels: Picture, unlike: Unlikeness, opacity: float = OPACITY) -> "Figure":
    """Where the image is unlike the reference images, in colours that are fixed against them; single column."""
    nothing = "Nothing in this image is unlike the reference images."
    shown: tuple[Map, Kind] = (smooth(unlike.heatmap, unlike.sigma), "positive")
    unit = f"beyond what is usual, in units of what usual images exceed it by; {unlike_text(unlike)}"
    return _map_figure(UNLIKE, pixels, shown, opacity, unit, nothing, unlike.limit)


@styled()
def concepts_figure(
    pixels: Picture,
    explanation: Explanation,
    references: Thumbnails = (),
    reference_names: Sequence[Sequence[str]] = (),
    opacity: float = OPACITY,
    limit: float | None = None,
) -> "Figure":
    """Cards of concepts: the conditional heatmap on the image and the reference images.

    All maps have one colour limit but those that mostly cancel and would hide the others, see ``scale_limits``.

    Up to eight concepts have a row each, more of them half a row; one alone has a single column.

    Args:
        pixels: the picture.
        explanation: what ``Inspector.explain`` answered.
        references: encoded thumbnails, for each concept; None where one is missing.
        reference_names: their classes, for each concept.
        opacity: of the maps.
        limit: value (> 0) at which the colours saturate, where the figure is one of several; None = that of its maps.
    """
    concepts = explanation.concepts
    if not concepts:
        canvas = Canvas(SINGLE, 0.4)
        canvas.words("No concept was asked for.", 0.1, 0.1, SINGLE - 0.2)
        return canvas.figure
    width = SINGLE if len(concepts) == 1 else DOUBLE
    columns = 2 if len(concepts) > 8 else 1
    card = (width - 0.1 - GAP * (columns - 1)) / columns
    shown = max((len(row) for row in references), default=0)
    shown = min(shown, 8 if columns == 1 and width == DOUBLE else 4)
    side = min(1.15, (card - GAP) / (1 + 0.78 * shown)) if shown else min(1.15, card)
    thumbnail = 0.78 * side - 0.05
    rows, height = ceil(len(concepts) / columns), 0.34 + max(side, thumbnail + 0.22 if shown else 0.0)
    maps, scale, limits = concept_maps(concepts, explanation.sigma)
    if limit is not None:
        scale, limits = limit, (limit,) * len(concepts)
    unit = concepts_unit(explanation, concepts, sum(own_limit_of_map != scale for own_limit_of_map in limits))
    below = 0.32 + len(wrap(unit, SINGLE - 0.1, SMALL, 4)) * LINE * SMALL
    canvas = Canvas(width, 0.05 + rows * height + below)
    for place, (concept, heatmap) in enumerate(zip(concepts, maps, strict=True)):
        x, y = 0.05 + (place % columns) * (card + 2 * GAP), 0.05 + (place // columns) * height
        canvas.words(heading(concept), x, y, card, PLAIN)
        says = conservation_text_briefly(concept.conservation, concept.cancellation, own_limit(limits[place], scale))
        canvas.words(says, x, y + 0.125, card, SMALL)
        canvas.picture(overlay(pixels, heatmap, opacity, limits[place]), x, y + 0.24, side)
        pictures = list(references[place])[:shown] if place < len(references) else []
        names = list(reference_names[place]) if place < len(reference_names) else []
        for column, data in enumerate(pictures):
            left = x + side + GAP + column * (thumbnail + 0.05)
            draw_reference(canvas, data, names[column] if column < len(names) else "", left, y + 0.24, thumbnail)
    canvas.scale("signed", scale, unit, 0.05, canvas.height - below + 0.05, SINGLE - 0.1)
    return canvas.figure


def concepts_unit(explanation: Explanation, concepts: Sequence[Concept], of_their_own: int) -> str:
    """What is written below the colours of concepts: whom they hold for, and how much relevance the maps keep.

    Args:
        explanation: with the concepts.
        concepts: those that are shown.
        of_their_own: how many of them have a colour limit of their own.
    """
    if len(concepts) == 1:
        (concept,) = concepts
        says = conservation_text(concept.conservation, concept.cancellation, explanation.concept_composite)
        return f"relevance per pixel of the channel; green adds, purple takes away; {says}"
    but = f" but {of_their_own} that mostly cancel" if of_their_own else ""
    together = conservation_text(explanation.concept_conservation, composite=explanation.concept_composite)
    says = (
        f"relevance per pixel of the channel, one scale for all{but}; green adds, purple takes away; "
        f"all concepts together: {together}"
    )
    return f"{says}; {SIGNS_CANCEL}" if any(concept.cancellation > MUCH_CANCELLATION for concept in concepts) else says


def draw_reference(canvas: Canvas, data: bytes | None, name: str, x: float, y: float, side: float) -> None:
    """A reference image with its class below; a box where the bundle has no picture of it."""
    try:
        if data is None:
            raise ImageError("Expected a picture. Found none.")
        canvas.picture(decode_image(data, "reference image", THUMBNAIL_LIMITS).pixels, x, y, side)
    except ImageError:
        canvas.frame(x, y, side, side)
        canvas.words("no picture", x, y + side / 2 - 0.05, side, SMALL, align="center")
    canvas.words(label(name), x, y + side + 0.02, side, SMALL - 0.5, lines=2, align="center")


def heading(concept: Concept) -> str:
    """``channel 417, over-used ×2.6: 0.0310 here, 0.0120 in the class``."""
    use = channel_use(concept.relevance, concept.centroid)
    return f"channel {concept.channel}, {use}: {here_and_usual(concept.relevance, concept.centroid)}"


def no_evidence(explanation: Explanation) -> str:
    """Why an evidence map is empty."""
    nothing_started = isnan(explanation.evidence_conservation)
    return (
        "No channel is used more than usual in this image."
        if nothing_started
        else "The evidence did not reach the pixels."
    )


def colours_say(kind: Kind) -> str:
    """What the two colours of a signed evidence map mean."""
    return "green adds to the distance, purple takes from it; " if kind == "signed" else ""


def _map_figure(
    title: str,
    pixels: Picture,
    shown: tuple[Map, Kind],
    opacity: float,
    unit: str,
    nothing: str,
    limit: float | None = None,
) -> "Figure":
    """Title, map on the picture and its colours, to its own limit where none is given; the picture and why there is no
    map where it is 0 everywhere."""
    (values, kind), width = shown, SINGLE - 0.1
    canvas = Canvas(SINGLE, 0.75 + width * picture_height(pixels) + LINE * SMALL)
    y = 0.08 + canvas.words(title, 0.05, 0.05, width, LARGE, lines=2)
    if not values.any():
        y += _fitted(canvas, pixels, 0.05, y, width) + GAP
        canvas.words(nothing, 0.05, y, width, PLAIN, lines=2)
        return canvas.figure
    limit = limit or heat_limit(values)
    y += _fitted(canvas, overlay(pixels, values, opacity, limit, kind), 0.05, y, width) + GAP
    canvas.scale(kind, limit, unit, 0.05, y, width)
    return canvas.figure


def _fitted(canvas: Canvas, pixels: Picture, x: float, y: float, width: float) -> float:
    """The picture as wide as the column, or as high as it is wide; returns its height."""
    height = width * picture_height(pixels)
    canvas.picture(pixels, x, y - (width - height) / 2, width)
    return height


def picture_height(pixels: Picture) -> float:
    """Of a column: that of a wide picture is its own, a tall one is fitted into a square."""
    return min(1.0, float(pixels.shape[0] / pixels.shape[1]))
