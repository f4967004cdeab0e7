"""Figures of methods side by side: ROC curves, their scores, and AUROC by OOD class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from nero_core.figures.canvas import Canvas, text_width
from nero_core.figures.plots import draw_histogram
from nero_core.figures.score_axis import method_domain
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
    method_name,
    styled,
)
from nero_core.metrics import auroc, roc_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: ID and OOD scores of each method, by its name
Scores = Mapping[str, tuple[Float[Tensor, " id"], Float[Tensor, " ood"]]]

_DASHES = ("-", "--", ":", "-.", (0, (6, 2)), (0, (6, 2, 1, 2, 1, 2)))


@styled()
def roc_figure(scores: Scores) -> "Figure":
    """OOD images found against ID images rejected at every threshold; NERO in black; single column."""
    canvas = Canvas(SINGLE, 2.95 + 0.14 * ((len(scores) + 1) // 2))
    axes = canvas.plot(0.5, 0.1, SINGLE - 0.65, SINGLE - 0.95)
    axes.plot([0, 100], [0, 100], color=CENTROID, linewidth=0.6, linestyle=(0, (2, 2)))
    others = (*(colour for colour, _ in CLASSES), CENTROID, ID)
    for place, (name, (inside, outside)) in enumerate(scores.items()):
        is_ours = name == "nero"
        axes.plot(
            *roc_curve(inside, outside),
            color=HERE if is_ours else others[place % len(others)],
            linestyle=_DASHES[place % len(_DASHES)],
            linewidth=1.6 if is_ours else 1.1,
            label=f"{method_name(name)}, AUROC {100 * auroc(inside, outside):.1f} %",
        )
    axes.set_xlim(-1, 101)
    axes.set_ylim(-1, 101)
    axes.set_xlabel("ID images rejected (%)")
    axes.set_ylabel("OOD images found (%)")
    axes.legend(loc="upper left", bbox_to_anchor=(-0.14, -0.14), ncols=2, borderaxespad=0)
    return canvas.figure


@styled()
def method_scores_figure(scores: Scores, thresholds: Mapping[str, float] | None = None, bins: int = 40) -> "Figure":
    """A row for each method: scores of ID and OOD images on its own axis, and its threshold; single column.

    Args:
        scores: of each method.
        thresholds: of the methods that have one.
        bins: of each histogram; the first and the last hold the tails.
    """
    from matplotlib.ticker import MaxNLocator

    row_height = 0.95
    canvas = Canvas(SINGLE, 0.36 + row_height * max(1, len(scores)))
    for row, (name, pair) in enumerate(scores.items()):
        inside, outside = (np.asarray(values, dtype=np.float64) for values in pair)
        limit = (thresholds or {}).get(name)
        low, high = method_domain(inside, outside, limit)
        axes = canvas.plot(0.45, 0.35 + row * row_height, SINGLE - 0.55, row_height - 0.4)
        groups = [(f"ID ({len(inside)})", inside, ID, ""), (f"OOD ({len(outside)})", outside, OOD, "//////")]
        draw_histogram(axes, groups, np.linspace(low, high, bins + 1))
        if limit is not None:
            axes.axvline(limit, color=HERE, linestyle="--", linewidth=0.9, label="threshold")
        axes.set_xlim(low, high)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        canvas.words(method_name(name), 0.45, 0.2 + row * row_height, 2.5, PLAIN, weight="bold")
        if row == 0:
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.2), ncols=3, borderaxespad=0)
    canvas.words("images (%)", 0.02, 0.06, 0.8, SMALL)
    canvas.words(
        "score, each method's own (higher = more unlike); end bars: the tails",
        0.0,
        canvas.height - 0.17,
        SINGLE,
        align="center",
    )
    return canvas.figure


@styled()
def class_heat_figure(
    values: Float[np.ndarray, "methods classes"], methods: Sequence[str], classes: Sequence[str]
) -> "Figure":
    """AUROC in percent of each method (rows) on each OOD class (columns), darker is better; double column at most.

    Args:
        values: AUROC in [0, 1]; nan where a class has no image.
        methods: names of the rows.
        classes: names of the columns.
    """
    import matplotlib

    names = [method_name(name) for name in methods]
    left = 0.15 + max((text_width(name, PLAIN) for name in names), default=0)
    cell = min(0.62, (DOUBLE - left - 0.6) / max(1, len(classes)))
    head = 0.15 + max((text_width(label(name, 28), SMALL) for name in classes), default=0) * 0.72
    width, tall = left + cell * len(classes), max(0.17 * len(names), 0.55)  # the scale's name needs its room
    canvas = Canvas(min(DOUBLE, max(SINGLE, width + 0.75 + 0.5 * head)), head + tall + 0.1)
    axes = canvas.plot(left, head, cell * len(classes), 0.17 * len(names))
    shown = axes.imshow(100 * values, cmap=matplotlib.colormaps["Blues"], vmin=50, vmax=110, aspect="auto")
    for row, column in np.ndindex(values.shape):
        if np.isfinite(values[row, column]):
            dark = values[row, column] > 0.93
            axes.text(
                column, row, f"{100 * values[row, column]:.0f}", ha="center", va="center", size=SMALL,
                color="white" if dark else HERE,
            )  # fmt: skip
    axes.set_yticks(range(len(names)), names, fontsize=PLAIN)
    axes.xaxis.tick_top()
    axes.set_xticks(
        range(len(classes)), [label(name, 28) for name in classes], rotation=45, ha="left", rotation_mode="anchor"
    )  # fmt: skip
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = canvas.plot(width + 0.1, head, 0.08, tall)
    scale = canvas.figure.colorbar(shown, cax=bar, ticks=[50, 75, 100], boundaries=np.linspace(50, 100, 101))
    scale.ax.set_yticklabels(["≤ 50", "75", "100"])
    scale.set_label("AUROC (%)")
    scale.outline.set_visible(False)
    return canvas.figure
