"""Chosen methods in plots: their curves, their scores, and how they do on each OOD class."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import figure_download
from dashboard.components.link_values import choices, link_values
from dashboard.plain_errors import plain_errors
from dashboard.theme import theme_of
from nero_core import BenchmarkResult, Inspector
from nero_core.errors import NeroError
from nero_core.figures import class_heat_figure, method_scores_figure, roc_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALSO = 2  # methods that stand beside NERO at first: the best ones


def method_curves(inspector: Inspector, result: BenchmarkResult, tpr: float, download: str) -> None:
    """ROC curves and histograms of the methods that were chosen."""
    with st.container(border=True, key="method_curves"):
        _curves(inspector, result, tpr, download)


def class_heat(result: BenchmarkResult, download: str) -> None:
    """AUROC of every method on every OOD class."""
    with st.container(border=True, key="class_heat"):
        st.subheader("By OOD class", anchor=False)
        st.plotly_chart(
            charts.class_heat(result, theme_of(st.context.theme.type)),
            key="class_heat_plot",
            config=charts.toolbar("auroc-by-class", download),
            alt="AUROC of each method on each OOD class; the data table holds the numbers",
        )
        st.caption(
            "AUROC in percent on each class of OOD images, the method with the best pooled figure on top. "
            "50 is guessing; at 50 and below the colour no longer changes."
        )
        with st.container(horizontal=True):
            with st.popover("Data table", icon=":material/table:", type="tertiary"):
                st.dataframe(charts.class_table(result), hide_index=True, alt="AUROC by OOD class, with intervals")
            figure_download("auroc by class", lambda: _heat_figure(result), "class_heat")


def first_choice(result: BenchmarkResult) -> list[str]:
    """NERO and the two best of the others."""
    names = [method.method for method in result.methods]
    return [name for name in names if name == "nero"] + [name for name in names if name != "nero"][:ALSO]


@st.fragment
def _curves(inspector: Inspector, result: BenchmarkResult, tpr: float, download: str) -> None:
    with plain_errors():
        st.subheader("Curves and scores", anchor=False)
        names = [method.method for method in result.methods]
        with link_values({state.compare.METHODS: choices("method", names, charts.MOST_METHODS)}):
            chosen = st.multiselect(
                "Methods",
                names,
                default=first_choice(result),
                max_selections=charts.MOST_METHODS,
                select_all=False,
                key=state.compare.METHODS,
                bind="query-params",
                placeholder="up to six methods",
            )
        if not chosen:
            st.caption("Choose a method to see its curve.")
            return
        theme = theme_of(st.context.theme.type)
        with st.spinner("Scoring the images by these methods …"):
            result = resources.scored(inspector, result, tuple(chosen))
            lacking = [each.method for each in result.methods if each.method in chosen and not each.has_scores]
            chosen = [name for name in chosen if name not in lacking]
            thresholds = _thresholds(inspector, result, chosen, tpr)
        if lacking:
            st.warning(f"No scores can be made by {words.plain(', '.join(lacking))}; the others are shown.")
        roc_side, score_side = st.columns(2, gap="medium")
        with roc_side:
            st.plotly_chart(
                charts.roc_curves(result, chosen, theme),
                key="roc",
                config=charts.toolbar("roc", download),
                alt=f"ROC curves of {', '.join(chosen)}",
            )
            st.caption(
                "OOD images found against ID images rejected, at every threshold; the closer to the upper left, the "
                "better. The number is the AUROC; the thin dashed diagonal is guessing."
            )
        with score_side:
            st.plotly_chart(
                charts.method_histograms(result, chosen, thresholds, theme),
                key="method_scores",
                config=charts.toolbar("scores", download),
                alt=f"Scores of ID and OOD images by {', '.join(chosen)}, each on its own axis",
            )
            cut = f" The dashed line is the threshold that lets {words.percent(tpr)} of calibration images pass."
            st.caption(
                "How many images of each group have which score. Scores of two methods cannot be compared: each has an "
                f"axis of its own, whose first and last bar hold the tails.{cut if thresholds else ''}"
            )
        scores = {
            method.method: (method.id_scores, method.ood_scores) for method in result.methods if method.method in chosen
        }
        with roc_side:
            figure_download("roc", lambda: roc_figure(scores), "roc")
        with score_side:
            figure_download("method scores", lambda: method_scores_figure(scores, thresholds), "method_scores")
        with st.popover("Data table", icon=":material/table:", type="tertiary"):
            st.dataframe(charts.roc_table(result, chosen), hide_index=True, alt="Points of the curves")


def _heat_figure(result: BenchmarkResult) -> "Figure":
    methods = [method.method for method in result.methods]
    return class_heat_figure(charts.class_auroc(result), methods, list(result.ood_classes))


def _thresholds(inspector: Inspector, result: BenchmarkResult, chosen: list[str], tpr: float) -> dict[str, float]:
    """Those of the bundle that the result belongs to; none for a method that cannot fit it, or for another bundle."""
    thresholds: dict[str, float] = {}
    if result.bundle_digest != inspector.bundle.digest:
        return thresholds
    for name in chosen:
        try:
            thresholds[name] = inspector.reference_scores(name, tpr).threshold
        except NeroError:
            continue
    return thresholds
