"""Figures of two images side by side: drawn outside the page, when somebody saves them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dashboard import charts, resources, words
from dashboard.pages.explorer.channel_pictures import LEGEND, OPACITY
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.figures import Panel, image_pair_figure, overlay, panels_figure
from nero_core.types import Channels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Heatmap:
    """One channel's map on one of the two images.

    Attributes:
        values: as they are shown.
        limit: value at which the colours saturate.
        keeps: how much of the channel's relevance it keeps, in a sentence.
    """

    values: NDArray[np.float32]
    limit: float
    keeps: str


def image_text(inspector: Inspector, item: Source, channels: Channels, channel: int) -> str:
    """What a figure says of one of the two images."""
    text = words.channel(channels, channel, inspector.bundle.card.class_names)
    if item.key.startswith("reference "):
        return f"{text}\nIts numbers are those of the fit bank; the heatmap was traced on a small picture."
    detection = resources.detection(inspector, item, "nero", inspector.bundle.card.tpr)
    return f"{text}\n{words.HEADLINE[detection.verdict(0)]}: NERO score {words.threshold(detection, 0)}."


def named(items: tuple[Source, Source]) -> tuple[str, str]:
    """How a figure names the two images; never what a user called one."""
    return f"First image{_known(items[0])}", f"Second image{_known(items[1])}"


def pair_panels_figure(
    items: tuple[Source, Source], heatmaps: list[Heatmap | None], limit: float, channel: int, texts: list[str]
) -> "Figure":
    """Each image beside one channel's heatmap on it, with one colour limit for both unless a map says otherwise."""
    panels, has_map = [], any(heatmap is not None for heatmap in heatmaps)
    for item, name, heatmap, text in zip(items, named(items), heatmaps, texts, strict=True):
        pixels = resources.picture(item)
        traced = () if heatmap is None else (overlay(pixels, heatmap.values, OPACITY, heatmap.limit),)
        said_of_map = "" if heatmap is None else f"\n{heatmap.keeps}"
        panels.append(Panel((pixels, *traced), name, text + said_of_map))
    note = ""
    if has_map:
        note = f"Left the image, right channel {channel} on it, with one colour limit unless a map says otherwise."
    return panels_figure([("", panels)], 2, ("signed", limit, LEGEND) if has_map else None, note)


def pair_channels_figure(first: Channels, second: Channels, names: tuple[str, str], channel: int) -> "Figure":
    """Relevance of both images in the channels in which they differ most, as many as on the screen."""
    shown = [int(index) for index in charts.pair_order(first, second, channel)[: charts.PAIR_TOP]]
    return image_pair_figure(first.relevance, second.relevance, shown, names, channel)


def _known(item: Source) -> str:
    if item.key.startswith("sample "):
        return f": {item.name}"
    return f": reference image of {item.name}" if item.key.startswith("reference ") else ""
