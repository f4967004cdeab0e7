"""Values of a group as a row of dots with its middle half, and what lies beyond the axis."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from nero_core.figures.numbers import number
from nero_core.figures.style import HERE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPREAD = 0.28  # of a row, to both sides: so that the dots can be told apart
BEYOND = ("<", ">")  # markers of what lies beyond the left and the right end


def draw_row(
    axes: "Axes", place: int, values: Float[np.ndarray, " _"], colour: str, domain: tuple[float, float]
) -> None:
    """Dots = images, box = middle half, line = median; a hollow triangle at the end of the axis is an image beyond it.

    Args:
        axes: with one row a unit.
        place: of the row.
        values: of the images, at least one.
        colour: of the dots.
        domain: both ends of the axis.
    """
    low, high = domain
    heights = place + np.random.default_rng(place).uniform(-SPREAD, SPREAD, len(values))
    below, above = beyond(values, domain)
    inside = ~(below | above)
    axes.scatter(values[inside], heights[inside], s=1.5, color=colour, alpha=0.5, linewidths=0)
    for marker, end, is_beyond in ((BEYOND[0], low, below), (BEYOND[1], high, above)):
        if is_beyond.any():
            axes.scatter(
                np.full(int(is_beyond.sum()), end), heights[is_beyond], s=9, marker=marker, facecolors="white",
                edgecolors=colour, linewidths=0.6, zorder=3, clip_on=False,
            )  # fmt: skip
    lower, middle, upper = np.quantile(values, (0.25, 0.5, 0.75)).clip(low, high)
    axes.barh(place, upper - lower, left=lower, height=2 * SPREAD, fill=False, edgecolor=HERE, linewidth=0.6)
    axes.plot([middle, middle], [place - SPREAD, place + SPREAD], color=HERE, linewidth=1.2)


def beyond(
    values: Float[np.ndarray, " _"], domain: tuple[float, float]
) -> tuple[Bool[np.ndarray, " _"], Bool[np.ndarray, " _"]]:
    """Which values lie below the axis, and which above it."""
    return values < domain[0], values > domain[1]


def beyond_line(groups: Mapping[str, Float[np.ndarray, " _"]], domain: tuple[float, float]) -> str:
    """``▷ beyond the axis: 3 of 309 ID, 9 of 300 OOD images, the farthest at 175``; empty where nothing is.

    Args:
        groups: values of each group by its name; one without a name is just images.
        domain: both ends of the axis.
    """
    low, high = domain
    counted = {name: values[np.logical_or(*beyond(values, domain))] for name, values in groups.items()}
    if not any(map(len, counted.values())):
        return ""
    far = np.concatenate(list(counted.values()))
    farthest = float(far[np.argmax(np.maximum(far - high, low - far))])
    named = (
        f"{len(beyond)} of {len(groups[name])}{' ' * bool(name)}{name}"
        for name, beyond in counted.items()
        if len(beyond)
    )
    sign = "▷" if far.min() > high else "◁" if far.max() < low else "◁ ▷"
    return f"{sign} beyond the axis: {', '.join(named)} images, the farthest at {number(farthest)}"
