"""Mean relevance of every channel, ID against OOD, beside one image's: as figure 3 of the NERO paper shows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from nero_core.explain.figure_canvas import Canvas, text_width
from nero_core.explain.figures import CENTROID, DOUBLE, HERE, ID, OOD, PLAIN, SMALL, styled
from nero_core.types import Channels, MeanRelevance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRIP = 0.72  # inches from one strip to the next


@styled()
def mean_relevance_figure(channels: Channels, mean: MeanRelevance, named: Sequence[int] = ()) -> "Figure":
    """Mean relevance of every channel, ID against OOD, and this image's; double column.

    Args:
        channels: of this image.
        mean: over the banks.
        named: channels to point at.
    """
    canvas = Canvas(DOUBLE, 0.2 + STRIP * (3 if mean.ood is not None else 2) + 0.3)
    draw_mean_relevance(canvas, 0.55, 0.18, DOUBLE - 0.65, channels, mean, named)
    return canvas.figure


def draw_mean_relevance(
    canvas: Canvas, x: float, y: float, width: float, channels: Channels, mean: MeanRelevance, named: Sequence[int]
) -> float:
    """Strips below one another with one scale and one order, that of the ID mean; returns their height in inches."""
    from matplotlib.ticker import MaxNLocator

    order = np.argsort(-np.asarray(mean.id), kind="stable")
    strips = [(f"ID, mean of {mean.id_size}", np.asarray(mean.id), ID, "")]
    if mean.ood is not None:
        strips.append((f"OOD, mean of {mean.ood_size}", np.asarray(mean.ood), OOD, ""))
    strips.append(("this image", np.asarray(channels.relevance), HERE, ""))
    finite = np.concatenate([values[np.isfinite(values)] for _, values, _, _ in strips])
    low, high = min(0.0, float(finite.min(initial=0.0))), float(finite.max(initial=0.0))
    margin = 0.06 * (high - low) or 1.0
    places = np.arange(len(order))
    for row, (name, values, colour, _) in enumerate(strips):
        axes = canvas.plot(x, y + row * STRIP, width, STRIP - 0.1)
        axes.fill_between(places, np.nan_to_num(values[order]), step="mid", color=colour, linewidth=0.3)
        if row:
            axes.step(places, np.asarray(mean.id)[order], where="mid", color="#9AA0A8", linewidth=0.5)
        axes.axhline(0, color=CENTROID, linewidth=0.4)
        axes.set_xlim(-1, len(order))
        axes.set_ylim(low - margin, high + 6 * margin)  # room for the name
        axes.yaxis.set_major_locator(MaxNLocator(3))
        if row == len(strips) // 2:
            axes.set_ylabel("relevance (share of probability)", labelpad=3)
        axes.text(0.995, 0.93, name, transform=axes.transAxes, ha="right", va="top", size=PLAIN, weight="bold")
        if row < len(strips) - 1:
            axes.tick_params(labelbottom=False)
        _point_at(axes, order, named, width, is_first=row == 0)
    axes.set_xlabel(
        f"feature channel, all {len(order)}, largest ID mean first"
        + ("; thin grey line: ID mean" if len(strips) > 1 else "")
    )
    return len(strips) * STRIP + 0.3


def _point_at(axes: Any, order: Int[np.ndarray, " _"], named: Sequence[int], width: float, is_first: bool) -> None:  # noqa: ANN401
    """A thin line at each named channel, and its number above the first strip, as far as numbers have room."""
    taken: list[float] = []
    for channel in named:
        place = int(np.flatnonzero(order == channel)[0])
        axes.axvline(place, color=CENTROID, linewidth=0.5, linestyle=":", zorder=0)
        at, room = place / len(order) * width, text_width(f" {channel} ", SMALL)
        if is_first and all(abs(at - other) > room for other in taken):
            taken.append(at)
            axes.text(place, 1.02, str(channel), transform=axes.get_xaxis_transform(), ha="center", size=SMALL)
