"""Figures of numbers: channels and scores."""

from collections.abc import Sequence
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.channel_sort import Sort, channel_order
from nero_core.figures.numbers import number
from nero_core.figures.rows import BEYOND, beyond_line, draw_row
from nero_core.figures.score_axis import score_domain
from nero_core.figures.score_groups import bank_scores, class_scores, histogram_counts
from nero_core.figures.style import (
    CENTROID,
    CLASSES,
    DOUBLE,
    HERE,
    ID,
    OOD,
    SINGLE,
    SMALL,
    label,
    method_name,
    styled,
)
from nero_core.types import Channels, ReferenceScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Groups = list[tuple[str, Float[np.ndarray, " _"], str, str]]

NAMED = 60  # bars that have room for a channel number each
_BANKS = {"ID": ("calibration, ID", ID, ""), "OOD": ("OOD bank", OOD, "//////")}  # name, colour, hatch


@styled()
def channel_figure(
    channels: Channels,
    class_names: Sequence[str],
    top: int | None = 40,
    sort: Sort = "contribution",
    others: Sequence[int] = (),
) -> "Figure":
    """Relevance of the channels of one image (bars) against class centroids (marks); double column.

    Args:
        channels: the record.
        class_names: of the ID classes.
        top: how many channels; None = all. Sorted by channel number all are shown.
        sort: the order; ``contribution`` and ``relevance`` have the largest first, signed, as the concepts have.
        others: further classes to compare with.
    """
    size = len(channels.relevance)
    order = channel_order(channels, sort)[: size if top is None or sort == "channel" else min(top, size)]
    head = 0.12 + 0.14 * ceil((2 + len(others)) / 2)
    canvas, places = Canvas(DOUBLE, head + 2.08), np.arange(len(order))
    axes = canvas.plot(0.55, head, DOUBLE - 0.65, 1.65)
    is_dense = len(order) > NAMED
    width = 1.0 if is_dense else 0.7
    drawn: list[Any] = [axes.bar(places, np.asarray(channels.relevance)[order], color=HERE, width=width)]
    names = ["this image", f"mean of {label(class_names[channels.nearest])} (nearest class)"]
    nearest = np.asarray(channels.centroid)[order]
    drawn.append(_marks(axes, places, nearest, CENTROID, "o" if is_dense else "_", is_dense))
    for place, index in enumerate([other for other in others if other != channels.nearest]):
        colour, marker = CLASSES[place % len(CLASSES)]
        drawn.append(_marks(axes, places, np.asarray(channels.centroids[index])[order], colour, marker, is_dense))
        names.append(f"mean of {label(class_names[index])}")
    axes.axhline(0, color=CENTROID, linewidth=0.5)
    axes.set_xlim(-0.8, len(order) - 0.2)
    if not is_dense:
        axes.set_xticks(places, [str(channel) for channel in order], rotation=90, fontsize=SMALL)
    which = f"the {len(order)} of {size} with the largest {sort}" if len(order) < size else f"all {size}"
    order_said = "" if sort == "channel" else f", largest {sort} first"
    axes.set_xlabel(f"feature channel: {which}{', by number' if sort == 'channel' else order_said}")
    axes.set_ylabel("relevance (parts of 1)")
    axes.legend(drawn, names, loc="lower left", bbox_to_anchor=(0, 1.02), ncols=2, borderaxespad=0)
    return canvas.figure


@styled()
def histogram_figure(reference: ReferenceScores, score: float, bins: int = 40) -> "Figure":
    """Calibration (ID) and OOD bank scores, the threshold, and this image; single column.

    Scores beyond the axis are in no bar: a triangle at its end stands as high as their share, and a line counts them.
    """
    groups = _groups(reference)
    low, high = score_domain(reference, score)
    beyond_axis = beyond_line(bank_scores(reference), (low, high))
    canvas = Canvas(SINGLE, 2.46 if beyond_axis else 2.34)
    axes = canvas.plot(0.45, 0.34, SINGLE - 0.55, 1.6)
    draw_histogram(axes, groups, np.linspace(low, high, bins + 1), has_tails=False)
    for _, values, colour, _ in groups:
        if (values > high).any():
            axes.plot(
                [high], [100 * float((values > high).mean())], marker=BEYOND[1], markersize=3, linestyle="none",
                markerfacecolor="white", markeredgecolor=colour, markeredgewidth=0.8, clip_on=False, zorder=4,
            )  # fmt: skip
    canvas.words(beyond_axis, 0.05, 2.31, SINGLE - 0.1, SMALL)
    _threshold_and_image(axes, reference.threshold, score, high)
    axes.set_xlim(low, high + 0.01 * (high - low))
    axes.set_xlabel(f"{method_name(reference.detector)} score (higher = more unlike the reference images)")
    axes.set_ylabel("images of the group (%)")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.03), ncols=2, borderaxespad=0)
    return canvas.figure


@styled()
def class_scores_figure(
    reference: ReferenceScores, score: float, class_names: Sequence[str], ood_class_names: Sequence[str] = ()
) -> "Figure":
    """One row of scores a class, ID above OOD: dots = images, box = middle half, line = median; single column.

    Scores beyond the axis stand at its end as triangles, and a line counts them.
    """
    rows = [
        (f"{label(name, 24)} ({len(values)})", values, _BANKS[bank][1])
        for bank, name, values in class_scores(reference, class_names, ood_class_names)
    ]
    left = 0.15 + max(text_width(name, SMALL) for name, _, _ in rows)
    low, high = score_domain(reference, score)
    beyond_axis = beyond_line(bank_scores(reference), (low, high))
    canvas = Canvas(SINGLE, (0.74 if beyond_axis else 0.62) + 0.24 * len(rows))
    axes = canvas.plot(left, 0.25, SINGLE - left - 0.12, 0.24 * len(rows))
    for place, (_, values, colour) in enumerate(rows):
        draw_row(axes, place, values, colour, (low, high))
    canvas.words(beyond_axis, 0.05, 0.59 + 0.24 * len(rows), SINGLE - 0.1, SMALL)
    _threshold_and_image(axes, reference.threshold, score, high)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=SMALL)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(low, high + 0.01 * (high - low))
    axes.set_xlabel(f"{method_name(reference.detector)} score (higher = more unlike)")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, borderaxespad=0.2)
    return canvas.figure


def draw_histogram(
    axes: Any,  # noqa: ANN401
    groups: Groups,
    edges: Float[np.ndarray, " edges"],
    has_tails: bool = True,
) -> None:
    """Bars of each group in percent of it; ID is plain and OOD is hatched. The first and the last bar hold what lies
    beyond them, unless ``has_tails`` is false."""
    for name, values, colour, hatch in groups:
        heights = histogram_counts(values, edges) if has_tails else np.histogram(values, edges)[0]
        axes.stairs(
            100 * heights / max(1, len(values)), edges, fill=True, alpha=0.6, facecolor=colour,
            edgecolor="white" if hatch else colour, linewidth=0 if hatch else None, hatch=hatch, label=name,
        )  # fmt: skip


def _marks(axes: Any, places: object, values: object, colour: str, marker: str, is_dense: bool) -> Any:  # noqa: ANN401
    if marker == "_":
        return axes.scatter(places, values, marker="_", s=26, linewidths=1.6, color=colour, zorder=3)
    size = 5 if is_dense else 12
    return axes.scatter(
        places, values, marker=marker, s=size, linewidths=0.2, color=colour, edgecolors="white", zorder=3
    )  # fmt: skip


def _groups(reference: ReferenceScores) -> Groups:
    return [
        (f"{_BANKS[bank][0]} ({len(values)})", values, *_BANKS[bank][1:])
        for bank, values in bank_scores(reference).items()
    ]


def _threshold_and_image(axes: "Axes", threshold: float, score: float, high: float) -> None:
    """Upright lines; this image's stands at the upper end of the axis where it lies beyond."""
    if isfinite(threshold):
        axes.axvline(threshold, color=HERE, linestyle="--", linewidth=0.9, label=f"threshold {number(threshold)}")
    beyond = " (off the scale)" if score > high else ""
    axes.axvline(min(score, high), color=HERE, linewidth=1.6, label=f"this image {number(score)}{beyond}")
