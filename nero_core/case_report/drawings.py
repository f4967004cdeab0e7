"""The pictures of a case: the image, its maps, its plots."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from nero_core.case_report.records import Map, Plot, Scale
from nero_core.figures.numbers import number
from nero_core.figures.panels import colours_say, no_evidence
from nero_core.figures.plots import channel_figure, histogram_figure
from nero_core.figures.render import (
    Kind,
    colour_bar,
    encode,
    enlarge,
    evidence_as_shown,
    fit_within,
    heat_limit,
    overlay,
    smooth,
)
from nero_core.figures.style import figure_bytes, method_name
from nero_core.figures.wording import UNLIKE, conservation_text, heatmap_text, unlike_text
from nero_core.types import Channels, Explanation, ReferenceScores, Unlikeness

SIDE = 900  # pixels of a picture's longer side at most: 400 an inch at its size on the page
QUALITY = 92  # of JPEG, with colours at full resolution
OPACITY = 0.75
WHY = "Why this class"
TOP = 40  # channels in the plot, each with its number

Picture = UInt8[np.ndarray, "height width 3"]


def image_maps(
    pixels: Picture,
    size: str,
    why: Explanation | None,
    unlike: Unlikeness | None,
    class_names: Sequence[str],
    reason: str,
    no_unlike: str,
) -> tuple[Map, ...]:
    """The image, where it is unlike the reference images, and why this class.

    Args:
        pixels: the picture at its own size.
        size: what is said below it.
        why: heatmaps; None where the architecture has none, and ``reason`` then says why.
        unlike: None where the bundle keeps no patches; NERO's own evidence stands in its place.
        class_names: of the ID classes.
        reason: why there is no heatmap.
        no_unlike: why there is no map of where it is unlike.
    """
    shown = enlarge(fit_within(pixels, SIDE), SIDE)
    maps = [_map("The image", shown, size)]
    if unlike is not None:
        maps.append(_unlike(shown, unlike))
    elif why is not None:
        maps.append(_evidence(shown, why, class_names[why.channels.nearest], no_unlike))
    if why is None:
        maps.append(_map(WHY, shown, f"No map: {reason}"))
    else:
        maps.append(_class_heatmap(shown, why, class_names[why.explained_class]))
    return tuple(maps)


def score_plot(reference: ReferenceScores, score: float) -> Plot:
    """The score among those of the reference images."""
    alt = (
        f"Scores of the reference images by {method_name(reference.detector)}; threshold "
        f"{number(reference.threshold)}, this image {number(score)}."
    )
    return Plot("Where its score lies", figure_bytes(histogram_figure(reference, score), "svg"), alt)


def channel_plot(channels: Channels, class_names: Sequence[str]) -> Plot:
    """The channels that add most to the distance, against the centroid of the nearest class.

    Args:
        channels: of the image.
        class_names: as the font of figures can write them.
    """
    top = min(TOP, len(channels.relevance))
    alt = (
        f"Relevance of {top} feature channels in this image, bars, against the mean of its nearest class, "
        f"{class_names[channels.nearest]}, marks; those that add most to the distance first."
    )
    return Plot("Feature channels", figure_bytes(channel_figure(channels, class_names, top), "svg"), alt)


def jpeg(pixels: Picture) -> bytes:
    """A picture as JPEG, without metadata: a tenth of a PNG of a photograph."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def _map(title: str, picture: Picture, caption: str, scale: Scale | None = None) -> Map:
    return Map(title, jpeg(picture), caption, picture.shape[1] / picture.shape[0], scale)


def _unlike(shown: Picture, unlike: Unlikeness) -> Map:
    values = smooth(unlike.heatmap, unlike.sigma)
    if not (values > 0).any():
        return _map(UNLIKE, shown, "Nothing in this image is unlike the reference images, patch by patch.")
    says = f"{unlike_text(unlike)}. Brighter = less usual. What is missing has no place."
    picture = overlay(shown, values, OPACITY, unlike.limit, "positive")
    return _map(UNLIKE, picture, says, _scale("positive", unlike.limit))


def _evidence(shown: Picture, why: Explanation, nearest: str, no_unlike: str) -> Map:
    title = "NERO's evidence"
    values, kind = evidence_as_shown(why.nero_evidence, why.sigma)
    if not values.any():
        return _map(title, shown, f"{no_evidence(why)} {no_unlike}")
    limit = heat_limit(values)
    keeps = conservation_text(why.evidence_conservation, why.evidence_cancellation, why.concept_composite)
    says = f"Distance per pixel to {nearest}; {colours_say(kind)}{keeps}. {no_unlike}"
    return _map(title, overlay(shown, values, OPACITY, limit, kind), says, _scale(kind, limit))


def _class_heatmap(shown: Picture, why: Explanation, explained: str) -> Map:
    title = WHY
    values = smooth(why.heatmap, why.sigma)
    if not values.any():
        return _map(title, shown, "No relevance reached the pixels.")
    limit = heat_limit(values)
    says = f"Relevance per pixel: green speaks for {explained}, purple against it; {heatmap_text(why)}."
    return _map(title, overlay(shown, values, OPACITY, limit), says, _scale("signed", limit))


def _scale(kind: Kind, limit: float) -> Scale:
    ends = (-limit, 0.0, limit) if kind == "signed" else (0.0, limit)
    return Scale(encode(colour_bar(kind)), tuple(number(value) for value in ends))
