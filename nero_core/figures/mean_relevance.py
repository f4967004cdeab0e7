"""Mean relevance of every channel, ID against OOD, beside one image's: as figure 3 of the NERO paper shows it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.style import CENTROID, DOUBLE, HERE, ID, OOD, PLAIN, SMALL, styled
from nero_core.figures.wording import mean_of_few
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
    canvas = Canvas(DOUBLE, 0.2 + mean_relevance_height(mean))
    draw_mean_relevance(canvas, 0.55, 0.18, DOUBLE - 0.65, channels, mean, named)
    return canvas.figure


def draw_mean_relevance(
    canvas: Canvas, x: float, y: float, width: float, channels: Channels, mean: MeanRelevance, named: Sequence[int]
) -> None:
    """Strips below one another with one scale and one order, that of the ID mean."""
    from matplotlib.ticker import MaxNLocator

    order = np.argsort(-np.asarray(mean.id), kind="stable")
    strips = [(f"ID, mean of {mean.id_size}", np.asarray(mean.id), ID, "")]
    if mean.ood is not None:
        strips.append((f"OOD, mean of {mean.ood_size}", np.asarray(mean.ood), OOD, ""))
    strips.append(("this image", np.asarray(channels.relevance), HERE, ""))
    finite = np.concatenate([values[np.isfinite(values)] for _, values, _, _ in strips])
    low, high = min(0.0, float(finite.min(initial=0.0))), float(finite.max(initial=0.0))
    margin = 0.06 * (high - low) or 1.0
    places, shown = np.arange(len(order)), _beside_one_another(order, named, width)
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
            axes.set_ylabel("relevance (parts of 1)", labelpad=3)
        axes.text(0.995, 0.93, name, transform=axes.transAxes, ha="right", va="top", size=PLAIN, weight="bold")
        if row < len(strips) - 1:
            axes.tick_params(labelbottom=False)
        _point_at(axes, order, shown, width, is_first=row == 0)
    axes.set_xlabel(
        f"rank of the feature channel by ID mean, all {len(order)}, largest first"
        + ("; thin grey line: ID mean" if len(strips) > 1 else "")
        + ("; numbers above: channels" if named else "")
    )
    canvas.words(mean_of_few(mean), x, y + len(strips) * STRIP + 0.28, width, SMALL, align="center")


def mean_relevance_height(mean: MeanRelevance) -> float:
    """Inches that the strips take with what is said below them."""
    return STRIP * (2 if mean.ood is None else 3) + (0.42 if mean_of_few(mean) else 0.3)


def _point_at(axes: Any, order: Int[np.ndarray, " _"], shown: dict[int, float], width: float, is_first: bool) -> None:  # noqa: ANN401
    """A thin line at each named channel; above the first strip a lead from it to the channel's number."""
    above = axes.get_xaxis_transform()
    for channel, at in shown.items():
        place = int(np.flatnonzero(order == channel)[0])
        axes.axvline(place, color=CENTROID, linewidth=0.5, linestyle=":", zorder=0)
        if is_first:
            written = at / width * (len(order) + 1) - 1
            axes.plot([place, written], [1.0, 1.09], color=CENTROID, linewidth=0.4, transform=above, clip_on=False)
            axes.text(written, 1.11, str(channel), transform=above, ha="center", size=SMALL)


def _beside_one_another(order: Int[np.ndarray, " _"], named: Sequence[int], width: float) -> dict[int, float]:
    """Inches from the left at which the number of each channel stands, so that no two meet; of more channels than
    there is room for, the first."""
    room = {channel: text_width(f" {channel} ", SMALL) for channel in dict.fromkeys(named)}
    while sum(room.values()) > width:
        room.popitem()
    place = {channel: (int(np.flatnonzero(order == channel)[0]) + 1) / (len(order) + 1) * width for channel in room}
    from_left = sorted(room, key=place.__getitem__)
    end = 0.0
    for channel in from_left:
        place[channel] = max(place[channel], end + room[channel] / 2)
        end = place[channel] + room[channel] / 2
    end = width
    for channel in reversed(from_left):
        place[channel] = min(place[channel], end - room[channel] / 2)
        end = place[channel] - room[channel] / 2
    return place
