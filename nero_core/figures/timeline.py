"""A video's p-value over time."""

from math import ceil
from typing import TYPE_CHECKING

from nero_core.figures.canvas import Canvas
from nero_core.figures.numbers import number
from nero_core.figures.origin import short_id
from nero_core.figures.style import CENTROID, DOUBLE, HERE, OOD, SMALL, label, method_name, styled
from nero_core.types import Timeline, is_unlike, time_stamp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between two ticks
MOST_TICKS = 9
P_AXIS = (0.001, 1.2)  # at least; logarithmic, since what matters lies near 0


@styled()
def timeline_figure(timeline: Timeline, reference_set: str = "") -> "Figure":
    """p of each frame on a logarithmic axis, the level below which a frame is unlike, and the stretches; double column.

    Frames that are unlike are filled squares, others open circles: told apart without their colour. At
    the foot: which video and which reference set, and what became of the frames.

    Args:
        timeline: the record.
        reference_set: title of the bundle; nothing is said of it where it is empty.
    """
    from matplotlib.ticker import FuncFormatter

    canvas = Canvas(DOUBLE, 2.5)
    axes = canvas.plot(0.55, 0.34, DOUBLE - 0.65, 1.55)
    frames = timeline.frames
    lowest = min([P_AXIS[0], *(0.7 * frame.p_value for frame in frames)])
    for place, run in enumerate(timeline.stretches):
        axes.axvspan(
            run.start, run.end, facecolor=OOD, alpha=0.2, edgecolor=OOD, linewidth=1.5,
            label="" if place else "stretch that stays unlike",
        )  # fmt: skip
    axes.plot(
        [frame.time for frame in frames], [frame.p_value for frame in frames], color=CENTROID, linewidth=0.5, zorder=2
    )
    for is_below, name, marker, colour, face in (
        (True, "unlike", "s", OOD, OOD),
        (False, "others", "o", HERE, "white"),
    ):
        shown = [frame for frame in frames if is_unlike(frame.p_value, timeline.tpr) == is_below]
        axes.plot(
            [frame.time for frame in shown], [frame.p_value for frame in shown], marker=marker, markersize=2.6,
            linestyle="none", markeredgecolor=colour, markerfacecolor=face, markeredgewidth=0.6, zorder=3,
            label=f"{name} ({len(shown)})",
        )  # fmt: skip
    axes.axhline(timeline.level, color=HERE, linestyle="--", linewidth=0.9, label=f"p = {number(timeline.level)}")
    axes.set_yscale("log")
    axes.set_ylim(lowest, P_AXIS[1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ticks = time_ticks(timeline)
    axes.set_xticks(list(ticks), list(ticks.values()))
    if len(frames) > 1:
        margin = 0.01 * (frames[-1].time - frames[0].time)
        axes.set_xlim(frames[0].time - margin, frames[-1].time + margin)
    axes.set_xlabel("time in the video (minutes:seconds)")
    axes.set_ylabel(f"p-value by {method_name(timeline.detector)}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncols=4, borderaxespad=0)
    origin = f"video {short_id(timeline.id)}" + (f" · reference set {label(reference_set)}" if reference_set else "")
    canvas.words(f"{origin} · {timeline.account}", 0.05, 2.28, DOUBLE - 0.1, SMALL, lines=2)
    return canvas.figure


def time_ticks(timeline: Timeline) -> dict[int, str]:
    """Whole seconds for the axis of time, at most nine, as a clock shows them: ``{0: "00:00", 30: "00:30"}``."""
    if not timeline.frames:
        return {}
    first, last = timeline.frames[0].time, timeline.frames[-1].time
    step = next((step for step in _STEPS if (last - first) / step < MOST_TICKS - 1), _STEPS[-1])
    seconds = range(ceil(first / step) * step, int(last) + 1, step)
    return {second: time_stamp(float(second)).removesuffix(".00") for second in seconds}
