"""Figures of a closer look: faithfulness curves, the map of relevance vectors, a channel over the classes."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.map_view import is_beyond, map_core
from nero_core.figures.numbers import number
from nero_core.figures.relevance_axis import class_rows, relevance_domain
from nero_core.figures.rows import beyond_line, draw_row
from nero_core.figures.style import (
    CENTROID,
    CLASSES,
    DOUBLE,
    HERE,
    ID,
    OOD,
    PLAIN,
    SINGLE,
    SMALL,
    label,
    styled,
)
from nero_core.relevance.composites import COMPOSITES
from nero_core.types import ChannelSummary, Faithfulness, MapPlace, OodOnMap, RelevanceMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS = ((ID, "o"), *CLASSES, (OOD, "D"), (CENTROID, "P"), ("#F0E442", "h"))  # colour and marker of each class
_PLANE = (SINGLE - 0.2, 3.0)  # inches of the map
_Corner = Float[np.ndarray, " 2"]


@styled()
def faithfulness_figure(result: Faithfulness, class_name: str) -> "Figure":
    """The class's probability while patches go (a) and come back (b), for the heatmap, the plain gradient and random
    orders; double column."""
    canvas = Canvas(DOUBLE, 2.55)
    known = COMPOSITES.get(result.composite)
    heatmap = f"heatmap{'' if known is None else f' ({known.title})'}, gain {number(result.gain)}"
    lines = [
        (result.heatmap, HERE, "-", 1.6, heatmap + (", weak" if result.is_weak else "")),
        (result.gradient, OOD, "--", 1.1, f"plain gradient, gain {number(result.gradient_gain)}"),
        (result.random, CENTROID, ":", 1.1, f"random orders, gain 0 ± {number(result.spread)}"),
    ]
    share = 100 * np.asarray(result.share)
    for place, (letter, name, title) in enumerate((("a", "deletion", "taken out"), ("b", "insertion", "put back"))):
        x = 0.5 + place * (DOUBLE / 2)
        axes = canvas.plot(x, 0.55, DOUBLE / 2 - 0.65, 1.55)
        for curves, colour, dash, width, text in lines:
            axes.plot(
                share, np.asarray(getattr(curves, name)), color=colour, linestyle=dash, linewidth=width, label=text
            )
        axes.set_xlim(0, 100)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(f"patches {title}, most relevant first (%)")
        axes.set_ylabel("probability of the class")
        canvas.words(letter, x - 0.45, 0.32, 0.2, 8.0, weight="bold")
        canvas.words(name.capitalize(), x - 0.3, 0.34, 2.5, PLAIN)
        if place == 0:
            canvas.figure.legend(
                *axes.get_legend_handles_labels(), loc="upper left", ncols=3, bbox_to_anchor=(0.0, 0.98)
            )
    canvas.words(f"Explained class: {label(class_name)}", 0.05, canvas.height - 0.14, DOUBLE - 0.1, SMALL)
    return canvas.figure


@styled()
def relevance_map_figure(
    layout: RelevanceMap,
    class_names: Sequence[str],
    place: MapPlace | None = None,
    ood: OodOnMap | None = None,
    others: Sequence[MapPlace] = (),
) -> "Figure":
    """Relevance vectors of the fit images in the plane, a colour and a marker for each class; single column.

    The farthest stand at the edge, hollow. PCA has one scale for both axes, since distances on it mean something.

    Args:
        layout: the map.
        class_names: of the ID classes.
        place: where this image lies, and the fit images nearest to it, which get a ring.
        ood: where the OOD images lie: small crosses.
        others: where further images lie: small stars.
    """
    points, labels = np.asarray(layout.coordinates), np.asarray(layout.labels)
    rows = ceil((len(class_names) + (place is not None) + (ood is not None) + bool(others)) / 2)
    canvas = Canvas(SINGLE, 3.5 + 0.14 * rows)
    axes = canvas.plot(0.1, 0.08, *_PLANE)
    ood_points = np.zeros((0, 2)) if ood is None else np.asarray(ood.coordinates)
    other_points = np.asarray([np.asarray(other.here) for other in others]).reshape(-1, 2)
    low, high = _shown_part(layout, None if place is None else np.asarray(place.here))
    is_far = is_beyond(points, low, high)
    points = points.clip(low, high)
    for index, name in enumerate(class_names):
        colour, marker = _POINTS[index % len(_POINTS)]
        inner, far = points[(labels == index) & ~is_far], points[(labels == index) & is_far]
        axes.scatter(
            inner[:, 0], inner[:, 1], s=9, color=colour, marker=marker, alpha=0.75, edgecolors="white", linewidths=0.2,
            label=f"{label(name, 18)} ({len(inner) + len(far)})",
        )  # fmt: skip
        axes.scatter(
            far[:, 0], far[:, 1], s=11, marker=marker, facecolors="white", edgecolors=colour, linewidths=0.7,
            clip_on=False, zorder=3,
        )  # fmt: skip
    for beside, marker, colour, size, name in (
        (ood_points, "x", OOD, 9, f"OOD images ({len(ood_points)})"),
        (other_points, "*", HERE, 34, f"other images ({len(other_points)})"),
    ):
        if len(beside):
            inside, beyond_it = beside.clip(low, high), int(is_beyond(beside, low, high).sum())
            name += f", {beyond_it} beyond" if beyond_it else ""
            axes.scatter(
                inside[:, 0], inside[:, 1], s=size, color=colour, marker=marker, linewidths=0.7, clip_on=False,
                zorder=3, label=name,
            )  # fmt: skip
    if place is not None:
        near = points[[layout.ids.index(reference) for reference in place.nearest if reference in layout.ids]]
        axes.scatter(near[:, 0], near[:, 1], s=28, facecolors="none", edgecolors=HERE, linewidths=0.7, clip_on=False)
        far_off = " beyond" if is_beyond(np.asarray(place.here), low, high) else ""
        here = np.asarray(place.here).clip(low, high)
        axes.scatter(
            here[:1], here[1:], s=90, marker="*", color=HERE, edgecolors="white", linewidths=0.5, zorder=4,
            clip_on=False, label=f"this image{far_off}, {len(near)} nearest ringed",
        )  # fmt: skip
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    axes.spines[:].set_visible(True)  # the edge at which far points stand
    axes.set_xticks([])
    axes.set_yticks([])
    explained = f" ({100 * layout.explained:.0f} % of the variance)" if np.isfinite(layout.explained) else ""
    count = int(is_far.sum())
    beyond = f"\n{count} {'image' if count == 1 else 'images'} beyond, hollow at the edge" if count else ""
    axes.set_xlabel(f"{layout.kind.upper()} of {len(points)} relevance vectors{explained}, no unit{beyond}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.115 if count else -0.08), ncols=2, borderaxespad=0)
    return canvas.figure


@styled()
def channel_classes_figure(
    summary: ChannelSummary,
    class_names: Sequence[str],
    here: float | None = None,
    domain: tuple[float, float] | None = None,
    ood_class_names: Sequence[str] = (),
) -> "Figure":
    """One channel's relevance in every fit image and every image of the OOD bank, a row a class: dots = images, box =
    middle half, line = median, and this image's; single column.

    Images beyond the axis stand at its end as triangles, and a line counts them.

    Args:
        summary: of the channel.
        class_names: of the ID classes.
        here: relevance of this image in the channel.
        domain: both ends of the axis, where several channels are compared; None = those of this channel.
        ood_class_names: of the classes of the OOD bank.
    """
    rows = class_rows(summary, class_names, ood_class_names)
    names = [f"{label(row.name, 24)}{', OOD' if row.is_ood else ''} ({len(row.values)})" for row in rows]
    left = 0.15 + max((text_width(name, SMALL) for name in names), default=0.0)
    low, high = domain or relevance_domain([summary], [] if here is None else [here])
    beyond = beyond_line({"": np.concatenate([np.zeros(0), *(row.values for row in rows)])}, (low, high))
    canvas = Canvas(SINGLE, (0.76 if beyond else 0.64) + 0.26 * len(names))
    axes = canvas.plot(left, 0.24, SINGLE - left - 0.12, 0.26 * len(names))
    for place, row in enumerate(rows):
        if len(row.values):
            draw_row(axes, place, row.values, OOD if row.is_ood else ID, (low, high))
    axes.axvline(0, color=CENTROID, linewidth=0.5)
    if here is not None:
        axes.axvline(here, color=HERE, linewidth=1.6, label=f"this image {number(here)}")
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), borderaxespad=0.2)
    axes.set_yticks(range(len(names)), names, fontsize=SMALL)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(low, high)
    canvas.words(beyond, 0.05, 0.61 + 0.26 * len(names), SINGLE - 0.1, SMALL)
    axes.set_xlabel(f"relevance of channel {summary.channel} (parts of 1)")
    return canvas.figure


def _shown_part(layout: RelevanceMap, here: _Corner | None) -> tuple[_Corner, _Corner]:
    """Lower left and upper right corner of the plane: the map's core with a margin; of PCA at one scale."""
    low, high = map_core(np.asarray(layout.coordinates), here)
    span = 1.06 * np.where(high > low, high - low, 1.0)
    if layout.kind == "pca":
        span = np.array(_PLANE) * (span / _PLANE).max()
    middle = (low + high) / 2
    return middle - span / 2, middle + span / 2
