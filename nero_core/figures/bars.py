"""Figures of named bars with their numbers: classes, blocks, channels, methods."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from nero_core.figures.canvas import LINE, Canvas, text_width, wrap
from nero_core.figures.numbers import number
from nero_core.figures.style import CENTROID, HERE, ID, SINGLE, SMALL, label, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.19  # inches from one named bar to the next
_NAME = 36  # characters of a name


@styled()
def bar_figure(
    names: Sequence[str],
    values: ArrayLike,
    unit: str,
    texts: Sequence[str] = (),
    marked: Collection[int] = (),
    title: str = "",
    note: str = "",
    whole: float | None = None,
) -> "Figure":
    """A horizontal bar a name with its number at its end, all on one scale with a common zero; single column.

    Args:
        names: of the bars, the first on top.
        values: of the bars; one that is not finite has no bar and says so.
        unit: of the values, for the axis.
        texts: what stands at the end of each bar; its number where it is empty.
        marked: places of the bars in the accent colour.
        title: above the bars.
        note: below the axis, in a sentence.
        whole: where the axis ends at least; the largest value where None.
    """
    title, note = label(title, 200), label(note, 600)
    height = 0.08 + _ROW * len(names)
    head = 0.05 + (2 * LINE * 6.5 if title else 0.0)
    below = len(wrap(note, SINGLE - 0.1, SMALL, 4)) * LINE * SMALL if note else 0.0
    canvas = Canvas(SINGLE, head + height + 0.4 + below)
    if title:
        canvas.words(title, 0.05, 0.05, SINGLE - 0.1, lines=2)
    shown = [label(name, _NAME) for name in names]
    left = 0.15 + max((text_width(name, SMALL) for name in shown), default=0.0)
    axes = canvas.plot(left, head, SINGLE - left - 0.08, height)
    draw_bars(axes, values, SINGLE - left - 0.08, texts, marked, whole)
    axes.set_yticks(range(len(shown)), shown, fontsize=SMALL)
    axes.set_xlabel(unit)
    if note:
        canvas.words(note, 0.05, canvas.height - below - 0.04, SINGLE - 0.1, SMALL, lines=4)
    return canvas.figure


def draw_bars(
    axes: "Axes",
    values: ArrayLike,
    width: float,
    texts: Sequence[str] = (),
    marked: Collection[int] = (),
    whole: float | None = None,
) -> None:
    """Horizontal bars on axes that are ``width`` inches wide, with room beside them for what is said of them."""
    bar_values = np.asarray(values, dtype=np.float64)
    lengths = np.where(np.isfinite(bar_values), bar_values, 0.0)
    told = [label(text, 60) for text in texts] or [number(value) for value in bar_values.tolist()]
    colours = [ID if place in marked else HERE for place in range(len(bar_values))]
    axes.barh(np.arange(len(bar_values)), lengths, height=0.6, color=colours)
    widths = np.array([text_width(text, SMALL) + 0.1 for text in told])
    room = [float(widths[side].max(initial=0.0)) for side in (lengths < 0, lengths >= 0)]  # left and right of the bars
    low, high = min(0.0, float(lengths.min(initial=0.0))), max(float(lengths.max(initial=0.0)), whole or 0.0)
    unit = ((high - low) or 1.0) / max(0.3, width - sum(room))  # of the values in an inch
    axes.set_xlim(low - room[0] * unit, high + room[1] * unit)
    axes.set_ylim(len(bar_values) - 0.5, -0.5)
    for place, (text, value) in enumerate(zip(told, lengths.tolist(), strict=True)):
        at, align = (value - 0.04 * unit, "right") if value < 0 else (value + 0.04 * unit, "left")
        axes.text(at, place, text, size=SMALL, va="center", ha=align)
    axes.axvline(0, color=CENTROID, linewidth=0.5)
    axes.locator_params(axis="x", nbins=5)
