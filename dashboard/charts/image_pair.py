"""Two images side by side, channel by channel."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.charts.frame import Table, framed, legend, plain_names
from dashboard.theme import ID, Theme
from dashboard.words import number
from nero_core.types import Channels

PAIR_TOP = 20  # channels: as many as can be read side by side


def pair_order(first: Channels, second: Channels, chosen: int | None = None) -> NDArray[np.int64]:
    """The channels in which two images differ most, largest difference of relevance first; ``chosen`` leads."""
    apart = np.abs(np.asarray(first.relevance) - np.asarray(second.relevance))
    order = np.argsort(-apart, kind="stable")
    return order if chosen is None else np.concatenate([[chosen], order[order != chosen]])


def image_pair(
    first: Channels, second: Channels, names: tuple[str, str], theme: Theme, chosen: int | None = None
) -> go.Figure:
    """Relevance of both images in the channels in which they differ most, on one axis."""
    shown = pair_order(first, second, chosen)[:PAIR_TOP]
    labels = [f"<b>{channel}</b>" if channel == chosen else str(channel) for channel in shown]
    figure = go.Figure()
    for name, channels, colour, pattern in zip(
        plain_names(names), (first, second), (theme.text, ID), ("", "/"), strict=True
    ):
        values = np.asarray(channels.relevance)[shown]
        figure.add_bar(
            x=labels,
            y=values,
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern, "size": 6, "solidity": 0.45}},
            hovertext=[
                f"{name}<br>channel {channel}: relevance {number(value)}"
                for channel, value in zip(shown, values, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_xaxes(title="channel, largest difference first", type="category", showgrid=False, tickangle=-90)
    figure.update_yaxes(title="relevance (parts of 1)", zeroline=True, zerolinecolor=theme.centroid)
    figure.update_layout(barmode="group", bargap=0.25, legend=legend() | {"y": -0.32})
    return framed(figure, theme, height=380, top=10)


def pair_table(first: Channels, second: Channels, names: tuple[str, str]) -> Table:
    """The relevance of every channel in both images, largest difference first."""
    order = pair_order(first, second)
    left, right = (np.asarray(channels.relevance)[order] for channels in (first, second))
    heads = names if names[0] != names[1] else (names[0], f"{names[1]} (second)")
    return {
        "channel": order.tolist(),
        heads[0]: left.tolist(),
        heads[1]: right.tolist(),
        "difference": (left - right).tolist(),
    }
