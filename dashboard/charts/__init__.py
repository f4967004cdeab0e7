"""Records to plotly figures, and to the tables behind them. Knows no Streamlit."""

from dashboard.charts.benchmark import (
    MOST_METHODS,
    class_auroc,
    class_heat,
    class_table,
    method_histograms,
    roc_curves,
    roc_table,
)
from dashboard.charts.channel_statistics import GridSort, statistics_order, statistics_table
from dashboard.charts.channels import TOP, channel_plot, channel_table
from dashboard.charts.distribution import class_relevance_table, relevance_by_class
from dashboard.charts.drift import class_counts_table, drift_plot, drift_table
from dashboard.charts.faithfulness import faithfulness_plot, faithfulness_table
from dashboard.charts.frame import Table, toolbar
from dashboard.charts.image_pair import PAIR_TOP, image_pair, pair_order, pair_table
from dashboard.charts.lesson import channel_bars, class_bars, drag_picture, least_relevant, lesson_channels
from dashboard.charts.scores import score_histogram, score_table, scores_by_class
from dashboard.charts.timeline import timeline_plot, timeline_table
from nero_core.figures import Sort, channel_order

__all__ = [
    "MOST_METHODS",
    "PAIR_TOP",
    "TOP",
    "GridSort",
    "Sort",
    "Table",
    "channel_bars",
    "channel_order",
    "channel_plot",
    "channel_table",
    "class_auroc",
    "class_bars",
    "class_counts_table",
    "class_heat",
    "class_relevance_table",
    "class_table",
    "drag_picture",
    "drift_plot",
    "drift_table",
    "faithfulness_plot",
    "faithfulness_table",
    "image_pair",
    "least_relevant",
    "lesson_channels",
    "method_histograms",
    "pair_order",
    "pair_table",
    "relevance_by_class",
    "roc_curves",
    "roc_table",
    "score_histogram",
    "score_table",
    "scores_by_class",
    "statistics_order",
    "statistics_table",
    "timeline_plot",
    "timeline_table",
    "toolbar",
]
