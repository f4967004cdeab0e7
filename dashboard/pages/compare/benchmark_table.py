"""Every method's figures on the same images: words, then the table, then who is missing and why."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import resources, words
from dashboard.charts import Table
from dashboard.components.csv_button import csv_button
from dashboard.tables import result_table
from nero_core import DETECTORS, BenchmarkResult

if TYPE_CHECKING:
    from streamlit.elements.lib.column_types import ColumnConfig  # handed on under no public name

_BARS = {"auroc": "AUROC", "fpr95_id_positive": "FPR95 (ID positive)"}
_NUMBERS = {"fpr95_ood_positive": "FPR95 (OOD positive)", "aupr_in": "AUPR in", "aupr_out": "AUPR out"}


def benchmark_table(result: BenchmarkResult) -> None:
    """The table, sortable by every column, with its words around it."""
    with st.container(border=True, key="benchmark"):
        st.subheader("All methods on the same images", anchor=False)
        st.markdown(words.plain(words.standing(resources.ranks(result))))
        st.dataframe(
            table(result),
            hide_index=True,
            column_config=_columns(),
            key="benchmark_table",
            alt="Figures of all methods; the same as the CSV download",
        )
        st.caption(
            f"{result.id_size} ID images ({words.plain(result.id_name)}) against {result.ood_size} OOD images "
            f"({words.plain(result.ood_name)}), fitted on {result.fit_images} others. No OOD image is fitted on. "
            f"Intervals: 95 %, {result.replicates} resamples, seed {result.seed}. "
            + (f"Times on {words.plain(result.device)}, without the forward pass. " if result.device else "")
            + "Click a heading to sort."
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            explains = "Every figure with its interval, pooled and for each OOD class; shares from 0 to 1."
            csv_button(result_table(result), "methods", explains)
            with st.popover("What each figure means", icon=":material/help:", type="tertiary"):
                for name, sentence in words.MEANING.items():
                    st.markdown(f"**{_title(name)}** — {words.plain(sentence)}")
        if result.skipped:
            lines = [f"- **{words.plain(method.method)}**: {words.plain(method.reason)}" for method in result.skipped]
            count = len(lines)
            with st.expander(f"{count} {'method is' if count == 1 else 'methods are'} not in the table"):
                st.markdown("\n".join(lines))


def table(result: BenchmarkResult) -> Table:
    """What the page shows: shares in percent, intervals as text."""
    rows = result.methods
    shown: Table = {
        "rank": [method.rank for method in rows],
        "method": [words.method(method.method) for method in rows],
    }
    for name in _BARS:
        intervals = [getattr(method.pooled, name) for method in rows]
        shown[name] = [100 * method.value for method in intervals]
        shown[f"{name} interval"] = [f"{100 * method.low:.1f} to {100 * method.high:.1f}" for method in intervals]
    for name in _NUMBERS:
        shown[name] = [100 * getattr(method.pooled, name).value for method in rows]
    shown["family"] = [method.family for method in rows]
    if result.device:  # else no times are kept
        seconds = [method.seconds_per_image for method in rows]
        shown["time"] = [None if value is None else 1e6 * value for value in seconds]
    shown["paper"] = [DETECTORS[method.method].paper if method.method in DETECTORS else "" for method in rows]
    return shown


def _columns() -> "dict[str, ColumnConfig]":
    config = st.column_config
    columns: dict[str, ColumnConfig] = {
        "rank": config.NumberColumn("Rank", help="By AUROC; equals share a place.", width=60),
        "method": config.TextColumn("Method", width=150),
        "family": config.TextColumn("Family", help="What the score is made of.", width=120),
        "time": config.NumberColumn("Time an image (µs)", format="%.1f", help=words.MEANING["seconds_per_image"]),
        "paper": config.TextColumn("Paper", width=260),
    }
    for name, title in _BARS.items():
        columns[name] = config.ProgressColumn(
            f"{title}, %", format="%.1f", min_value=0, max_value=100, help=words.MEANING[name], width=150
        )
        columns[f"{name} interval"] = config.TextColumn("95 % interval", help=words.MEANING["interval"], width=110)
    for name, title in _NUMBERS.items():
        columns[name] = config.NumberColumn(f"{title}, %", format="%.1f", help=words.MEANING[name])
    return columns


def _title(name: str) -> str:
    return {**_BARS, **_NUMBERS, "interval": "Interval", "seconds_per_image": "Time an image"}[name]
