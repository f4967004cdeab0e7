"""Records to plotly figures, and to the tables behind them. Knows no Streamlit."""

from dashboard.charts.benchmark import (
    MOST_METHODS,
    class_heat,
    class_table,
    method_histograms,
    roc_curves,
    roc_table,
)
from dashboard.charts.channels import TOP, Sort, channel_order, channel_plot, channel_table
from dashboard.charts.frame import Table, toolbar
from dashboard.charts.scores import score_domain, score_histogram, score_table, scores_by_class

__all__ = [
    "MOST_METHODS",
    "TOP",
    "Sort",
    "Table",
    "channel_order",
    "channel_plot",
    "channel_table",
    "class_heat",
    "class_table",
    "method_histograms",
    "roc_curves",
    "roc_table",
    "score_domain",
    "score_histogram",
    "score_table",
    "scores_by_class",
    "toolbar",
]
