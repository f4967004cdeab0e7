"""Figures of channels as bars: some in an order, two images side by side, and the part of the activity that ρ is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nero_core.figures.canvas import Canvas
from nero_core.figures.channel_sort import least_relevant_first
from nero_core.figures.numbers import number
from nero_core.figures.style import CENTROID, DOUBLE, HERE, ID, SINGLE, SMALL, label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TALL = 1.65  # inches of the axes


@styled()
def channel_bars_figure(
    values: ArrayLike,
    channels: Sequence[int],
    unit: str,
    order: str,
    marked: int | None = None,
    means: ArrayLike | None = None,
    means_name: str = "",
) -> "Figure":
    """Chosen channels of one image as bars, with marks for what they are compared with; single column.

    Args:
        values: of every channel.
        channels: which are shown, in this order.
        unit: of the values, for the axis.
        order: what the order is, for the axis.
        marked: a channel in the accent colour.
        means: of every channel, drawn as marks; none where None.
        means_name: what the marks are.
    """
    chosen, places = list(channels), np.arange(len(channels))
    heights = np.asarray(values, dtype=np.float64)
    is_marked = np.array([channel == marked for channel in chosen], dtype=bool)
    head = 0.08 + 0.14 * (1 if means is None else 2 + bool(is_marked.any() and not is_marked.all()))
    canvas = Canvas(SINGLE, head + _TALL + 0.48)
    axes = canvas.plot(0.55, head, SINGLE - 0.6, _TALL)
    for which, colour, name in ((~is_marked, HERE, "this image"), (is_marked, ID, f"this image, channel {marked}")):
        if which.any():
            axes.bar(places[which], heights[chosen][which], color=colour, width=0.7, label=name)
    if means is not None:
        usual = np.asarray(means, dtype=np.float64)[chosen]
        axes.scatter(
            places, usual, marker="_", s=26, linewidths=1.6, color=CENTROID, zorder=3, label=label(means_name, 60)
        )
    _named_channels(axes, chosen, marked)
    axes.set_xlabel(f"feature channel: {len(chosen)} of {len(heights)}, {order}")
    axes.set_ylabel(unit)
    keys, names = axes.get_legend_handles_labels()
    axes.legend(
        keys[::-1] if means is not None else keys,  # the bars first
        names[::-1] if means is not None else names,
        loc="lower left",
        bbox_to_anchor=(0, 1.02),
        ncols=1 if means is not None else 2,
        borderaxespad=0,
    )
    return canvas.figure


@styled()
def image_pair_figure(
    first: ArrayLike, second: ArrayLike, channels: Sequence[int], names: tuple[str, str], marked: int | None = None
) -> "Figure":
    """Relevance of two images in the same channels, side by side on one axis; double column.

    Args:
        first: relevance of every channel in the one image.
        second: in the other one.
        channels: which are shown, in this order.
        names: of the two images.
        marked: the channel whose number is bold.
    """
    chosen, places = list(channels), np.arange(len(channels))
    canvas = Canvas(DOUBLE, 0.22 + _TALL + 0.48)
    axes = canvas.plot(0.55, 0.22, DOUBLE - 0.65, _TALL)
    for values, name, colour, hatch, shift in (
        (first, names[0], HERE, "", -0.19),
        (second, names[1], ID, "//////", 0.19),
    ):
        heights = np.asarray(values, dtype=np.float64)[chosen]
        axes.bar(
            places + shift, heights, width=0.36, color=colour, hatch=hatch, edgecolor="white", linewidth=0,
            label=label(name, 60),
        )  # fmt: skip
    _named_channels(axes, chosen, marked)
    bold = "" if marked is None else f"; {marked} in bold"
    axes.set_xlabel(f"feature channel, {len(chosen)} of {len(np.asarray(first))}, largest difference first{bold}")
    axes.set_ylabel("relevance (parts of 1)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, borderaxespad=0)
    return canvas.figure


@styled()
def least_relevant_figure(activation: ArrayLike, relevance: ArrayLike, k: int) -> "Figure":
    """Activation of every channel, the channels of least relevance first, and the part ρ of it that lies in those;
    single column.

    Args:
        activation: of every channel; its absolute value is drawn.
        relevance: of every channel, for the order.
        k: how many of the first channels are K.
    """
    _, heights = least_relevant_first(activation, relevance)
    total = float(heights.sum())
    canvas = Canvas(SINGLE, 0.36 + _TALL + 0.36)
    axes = canvas.plot(0.5, 0.36, SINGLE - 0.55, _TALL)
    share = float(heights[:k].sum()) / total if total else float("nan")
    edges = np.arange(len(heights) + 1) - 0.5
    for part, colour, name in (
        (slice(None, k), ID, f"K, the {k} of least relevance: ρ = {number(share)} of the activity"),
        (slice(k, None), CENTROID, f"the other {len(heights) - k} channels"),
    ):
        values = heights[part]
        if len(values):
            bounds = edges[part] if part.start is not None else edges[: len(values) + 1]
            axes.stairs(values, bounds, fill=True, color=colour, label=name)
    axes.set_xlim(-1, len(heights))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"feature channel, all {len(heights)}, least relevance first")
    axes.set_ylabel("activation |a|")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=1, borderaxespad=0)
    return canvas.figure


def _named_channels(axes: "Axes", channels: Sequence[int], marked: int | None) -> None:
    axes.axhline(0, color=CENTROID, linewidth=0.5)
    axes.set_xlim(-0.8, len(channels) - 0.2)
    axes.set_xticks(range(len(channels)), [str(channel) for channel in channels], rotation=90, fontsize=SMALL)
    for tick, channel in zip(axes.get_xticklabels(), channels, strict=True):
        if channel == marked:
            tick.set_fontweight("bold")
