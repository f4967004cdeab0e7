"""Figures of the page of one channel, or of two side by side: drawn outside the page, when somebody saves them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard import resources, words
from dashboard.components.figure_download import reference_pixels
from dashboard.pages.explorer.channel_pictures import (
    LEGEND,
    OPACITY,
    cropped,
    limits_of,
    upstream_captions,
    upstream_limits,
)
from dashboard.resources import Source
from nero_core import COMPOSITES, Inspector
from nero_core.figures import (
    Panel,
    bar_figure,
    conservation_text_briefly,
    heat_limit,
    overlay,
    own_limit,
    panels_figure,
    smooth,
)
from nero_core.types import ChannelReferences, Channels, ChannelSummary, ConceptDepth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAIRS, ALONE, UPSTREAM = (
    4,
    8,
    5,
)  # panels in a row: images with their maps, images without, channels of the stage before
_BY = {
    "relevance": "by relevance (RelMax): images whose prediction uses it most",
    "activation": "by activation (ActMax): images that excite it most",
}


def in_image_figure(item: Source, channels: Channels, depths: Sequence[ConceptDepth], names: Sequence[str]) -> "Figure":
    """Each channel's conditional heatmap on the image, and its receptive-field crop."""
    pixels, (shared, limits) = resources.picture(item), limits_of(depths)
    panels = []
    for depth, limit in zip(depths, limits, strict=True):
        shown = overlay(pixels, smooth(depth.concept.heatmap, depth.sigma), OPACITY, limit)
        text = words.channel(channels, depth.concept.channel, tuple(names))
        share, cancels = depth.concept.conservation, depth.concept.cancellation
        conservation = words.conservation(
            share, cancellation=cancels, own=own_limit(limit, shared), explained="relevance"
        )
        panels.append(
            Panel((shown, cropped(pixels, depth)), f"Channel {depth.concept.channel}", f"{text}\n{conservation}")
        )
    note = f"Left the conditional heatmap ({COMPOSITES[depths[0].composite].title}), right the receptive-field crop."
    return panels_figure([("", panels)], 2, ("signed", shared, LEGEND), note)


def references_figure(inspector: Inspector, summaries: Sequence[ChannelSummary]) -> "Figure":
    """The reference images of each channel by relevance and by activation, each with where the channel lies in it."""
    groups = [
        (f"Channel {summary.channel} {_BY[references.by]}", _references(inspector, references))
        for summary in summaries
        for references in (summary.by_relevance, summary.by_activation)
        if references.ids
    ]
    first = summaries[0].by_relevance
    has_maps = first.heatmaps is not None
    note = ""
    if has_maps:
        note = "Left the whole image, right where the channel lies in it, each with its own colour limit; "
        note += "green adds, purple takes away."
    if first.from_thumbnails:
        note += " Maps were traced on small pictures: the place is rough, the numbers are exact."
    return panels_figure(groups, PAIRS if has_maps else ALONE, note=note)


def upstream_figure(item: Source, depths: Sequence[ConceptDepth]) -> "Figure":
    """The channels of the stage before that pass on most of each channel's relevance, each on the image."""
    pixels, (shared, of_each) = resources.picture(item), upstream_limits(depths)
    groups = []
    for depth, limits in zip(depths, of_each, strict=True):
        upstream = depth.upstream
        panels = [
            Panel(
                (overlay(pixels, smooth(heatmap, depth.sigma), OPACITY, limit),),
                f"{upstream.stage} · {below}",
                text,
            )
            for below, heatmap, limit, text in zip(
                upstream.channels, upstream.heatmaps, limits, upstream_captions(depth, limits, shared), strict=True
            )
        ]
        heading = f"Channels of {upstream.stage} that pass on most of the relevance of channel {depth.concept.channel}"
        groups.append((heading, panels))
    return panels_figure(groups, UPSTREAM, ("signed", shared, LEGEND))


def weights_figure(summary: ChannelSummary, names: Sequence[str]) -> "Figure":
    """For which classes the channel speaks when it is active."""
    weights = summary.weights.tolist()
    return bar_figure(
        names,
        weights,
        f"head weight of channel {summary.channel}",
        [words.weight(weight) for weight in weights],
        [place for place, weight in enumerate(weights) if weight > 0],
        note="Blue: speaks for the class when the channel is active. Black: against it.",
    )


def co_used_figure(summary: ChannelSummary, most: int) -> "Figure":
    """The channels whose relevance goes with this one's over the fit images."""
    shown = summary.co_used[:most]
    return bar_figure(
        [f"channel {other}" for other, _ in shown],
        [correlation for _, correlation in shown],
        f"correlation r with the relevance of channel {summary.channel}",
        [words.number(correlation, 2) for _, correlation in shown],
        note="Over the fit images. Near 1 both are used in the same images, near −1 one where the other is not.",
        whole=1.0,
    )


def _references(inspector: Inspector, references: ChannelReferences) -> list[Panel]:
    panels, conserved, cancels = [], references.conservation, references.cancellation
    for place, (reference_id, value) in enumerate(zip(references.ids, references.values, strict=True)):
        pixels = reference_pixels(inspector, reference_id)
        text = f"{inspector.reference_class(reference_id)}\n{references.by} {words.number(value)}"
        pictures: tuple[NDArray[np.uint8] | None, ...] = (pixels,)
        if references.heatmaps is not None:
            heatmap = np.asarray(references.heatmaps[place])
            traced = None if pixels is None else overlay(pixels, heatmap, OPACITY, heat_limit(heatmap))
            pictures = (pixels, traced)
            text += f"\n{conservation_text_briefly(conserved[place], cancels[place])}"
        panels.append(Panel(pictures, "", text))
    return panels
