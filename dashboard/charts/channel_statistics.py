"""The order of channels in the grid, and the table of all of them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.frame import Table
from nero_core.types import Channels, ChannelStatistics

GridSort = Literal["mean relevance", "class selectivity", "OOD separation", "this image", "channel"]


def statistics_order(
    statistics: ChannelStatistics, sort: GridSort, of_class: int | None = None, here: Channels | None = None
) -> NDArray[np.int64]:
    """Channel numbers in the order of the grid, largest first, equal ones by their number.

    Args:
        statistics: of the channels.
        sort: by what. ``this image``: by what a channel adds to the distance of the image at hand.
        of_class: only channels whose mean relevance is largest in this class; mean relevance is then that of the class.
        here: the channels of the image at hand.
    """
    best = np.asarray(statistics.best_class)
    shown = np.arange(len(best)) if of_class is None else np.flatnonzero(best == of_class)
    if sort == "channel" or (sort == "this image" and here is None):
        return shown
    if sort == "this image" and here is not None:
        values = np.asarray(here.contribution)
    elif sort == "mean relevance":
        values = np.asarray(statistics.mean_relevance)[best, np.arange(len(best))]
    else:
        values = np.asarray(statistics.selectivity if sort == "class selectivity" else statistics.separation)
    return shown[np.argsort(-np.nan_to_num(values[shown], nan=-np.inf), kind="stable")]


def statistics_table(statistics: ChannelStatistics, class_names: Sequence[str], order: NDArray[np.int64]) -> Table:
    """The figures behind the grid, a row a channel."""
    table: Table = {
        "channel": order.tolist(),
        "class": [class_names[int(statistics.best_class[channel])] for channel in order],
        "class selectivity": np.asarray(statistics.selectivity)[order].tolist(),
        "OOD separation": np.asarray(statistics.separation)[order].tolist(),
    }
    for index, name in enumerate(class_names):
        table[f"mean relevance, {name}"] = np.asarray(statistics.mean_relevance[index])[order].tolist()
    return table
