"""The plots of ``docs/performance.md``, from the rows of a record, in the style of the project's figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.style import CENTROID, CLASSES, DOUBLE, HERE, ID, OOD, SMALL, figure_bytes, label, styled
from tests.bench.record import Record, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATIOS, GROWTH = "performance-ratios.svg", "performance-growth.svg"
#: what each file shows
SHOWS = {
    RATIOS: "Each ratio of the table over its goal",
    GROWTH: "Seconds and peak memory of fits over a thousand to a million images",
}
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)
LEAST = 1.0  # MB: less is rounding of the system's pages
_ROW = 0.21  # inches
_LONGEST = 84  # characters of a step


def plots(record: Record) -> dict[str, bytes]:
    """SVG by file name: ratios beside their goals, and how fits grow; those for which there are rows."""
    measured = [row for row in record.rows if row.ratio is not None and row.goal and row.goal.is_for == "ratio"]
    ratios = [row for row in measured if not row.series]
    grown = [row for row in record.rows if row.series]
    made = {RATIOS: ratios_figure(ratios)} if ratios else {}
    if grown:
        made[GROWTH] = growth_figure(grown)
    return {name: figure_bytes(figure, "svg") for name, figure in made.items()}


@styled()
def ratios_figure(rows: Sequence[Row]) -> "Figure":
    """Each ratio over its goal, on a logarithmic axis: left of 1 is what should be; double column.

    A goal that is a least one is turned over, so that left is better in every row.
    """
    names = [label(row.step.replace("`", ""), _LONGEST) for row in rows]
    left = 0.15 + max(text_width(name, SMALL) for name in names)
    canvas = Canvas(DOUBLE, 0.55 + _ROW * len(rows))
    width = DOUBLE - left - 0.65
    axes = canvas.plot(left, 0.08, width, _ROW * len(rows))
    for place, row in enumerate(rows):
        assert row.goal is not None and row.ratio is not None
        share = row.ratio / row.goal.limit if row.goal.sign == "≤" else row.goal.limit / row.ratio
        colour, marker = (ID, "o") if row.is_met else (OOD, "s")
        axes.plot([1, share], [place, place], color=colour, linewidth=1.2)
        axes.plot([share], [place], marker=marker, markersize=3.6, color=colour)
        shown = f"{row.ratio:.2f} ({row.goal.sign} {row.goal.limit:.3g})"
        axes.text(1.02, place, shown, size=SMALL, va="center", transform=axes.get_yaxis_transform())
    axes.axvline(1, color=HERE, linewidth=0.6)
    _logarithmic(axes, "x", "{:g}", TICKS)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.set_xlabel("ratio over its goal: left of 1 the goal is met (dots), right of it missed (squares)")
    return canvas.figure


@styled()
def growth_figure(rows: Sequence[Row]) -> "Figure":
    """Seconds and peak memory of fits against the number of images, both axes logarithmic; double column."""
    canvas = Canvas(DOUBLE, 2.3)
    seconds = canvas.plot(0.55, 0.3, 2.75, 1.55)
    memory = canvas.plot(4.2, 0.3, 2.75, 1.55)
    colours = [(ID, "o"), (OOD, "s"), *CLASSES]
    for row, (colour, marker) in zip(rows, colours, strict=False):
        images, times, peaks = zip(*row.series, strict=True)
        name = f"{row.step.split(' in passes')[0]}: n to the {row.ratio:.2f}"
        style = {"color": colour, "marker": marker, "markersize": 3, "linewidth": 0.9}
        seconds.plot(images, times, label=name, **style)
        memory.plot(images, [max(peak, LEAST) for peak in peaks], **style)
    most = max(rows, key=lambda row: len(row.series)).series
    bank = [images * 512 * 4 / 2**20 for images, _, _ in most]
    memory.plot(
        [images for images, _, _ in most], bank, color=CENTROID, linestyle="--", linewidth=0.9,
        label="all features at once, float32",
    )  # fmt: skip
    for axes, unit in ((seconds, "seconds"), (memory, "peak memory (MB added)")):
        _logarithmic(axes, "x", "{:,.0f}")
        _logarithmic(axes, "y", "{:g}")
        axes.set_xlabel("images (512 channels)")
        axes.set_ylabel(unit)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, borderaxespad=0)
    return canvas.figure


def _logarithmic(axes: "Axes", which: Literal["x", "y"], form: str, ticks: Sequence[float] = ()) -> None:
    """A logarithmic axis whose numbers are written out."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    if which == "x":
        axes.set_xscale("log")
    else:
        axes.set_yscale("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: form.format(value)))
    axis.set_minor_formatter(NullFormatter())
    if ticks:
        low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
        axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
