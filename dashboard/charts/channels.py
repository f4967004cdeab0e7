"""Every feature channel of one image against the centroids of the classes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard import words
from dashboard.charts.frame import Table, framed, legend, plain_names
from dashboard.theme import CLASSES, ID, Theme
from nero_core.figures import Sort, channel_order
from nero_core.types import Channels

#: channels shown at first when they are sorted by size: as many as can be told apart on a laptop
TOP = 40
MOST_TICKS = 24
_SYMBOLS = ("triangle-up", "square", "x", "triangle-down")


def channel_plot(
    channels: Channels,
    class_names: Sequence[str],
    theme: Theme,
    sort: Sort = "contribution",
    others: Sequence[int] = (),
    named: Iterable[int] = (),
    chosen: int | None = None,
    top: int | None = TOP,
) -> go.Figure:
    """Relevance of every channel in this image (bars) against class centroids (marks).

    Args:
        channels: the record.
        class_names: of the ID classes.
        theme: light or dark.
        sort: the order along the axis; by size the largest comes first.
        others: classes to compare with, besides the nearest.
        named: channels whose number is written at their bar.
        chosen: the channel that is open below.
        top: how many channels the first view spans; None shows all. The rest is a drag or a reset away.
    """
    class_names = plain_names(class_names)
    order = channel_order(channels, sort)
    relevance, size = np.asarray(channels.relevance)[order], len(order)
    spoken = [words.channel(channels, int(index), class_names).replace("; ", ";<br>") for index in order]
    figure = go.Figure()
    figure.add_bar(
        x=np.arange(size),
        y=relevance,
        name="this image",
        width=0.8,
        marker={"color": theme.text},
        customdata=order,
        hovertext=[text.replace(". Adds", ".<br>Adds") for text in spoken],
        hoverinfo="text",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    span = size if top is None or sort == "channel" else min(top, size)
    is_dense = span > 60
    compared = [channels.nearest, *(index for index in others if index != channels.nearest)]
    for place, index in enumerate(compared):
        colour = theme.centroid if place == 0 else CLASSES[(place - 1) % len(CLASSES)]
        symbol = ("circle" if is_dense else "line-ew") if place == 0 else _SYMBOLS[(place - 1) % len(_SYMBOLS)]
        figure.add_scatter(
            x=np.arange(size),
            y=np.asarray(channels.centroids[index])[order],
            name=f"{class_names[index]}, mean" + (" (nearest class)" if place == 0 else ""),
            mode="markers",
            marker={
                "symbol": symbol,
                "color": colour,
                "size": 3 if is_dense else 11 if place == 0 else 6,
                "line": {"color": colour, "width": 2.5 if place == 0 and not is_dense else 0},
            },
            hoverinfo="skip",
        )
    every = 1 if span <= MOST_TICKS else 2  # a narrow screen has no room for forty numbers
    ticks = np.arange(0, span, every) if not is_dense else np.arange(0, size, max(1, size // 8))
    figure.update_xaxes(
        title=_channel_axis(sort, size, span),
        range=[-0.6, span - 0.4],
        tickvals=ticks if not is_dense or sort == "channel" else None,
        ticktext=[str(order[tick]) for tick in ticks] if not is_dense or sort == "channel" else None,
        tickangle=0 if is_dense else -90,
        tickfont={"size": 10},
        showgrid=False,
    )
    figure.update_yaxes(title="relevance (parts of 1)", zeroline=True, zerolinecolor=theme.centroid, zerolinewidth=1)
    if is_dense:
        _name_channels(figure, order, relevance, list(named), span)
    if chosen is not None:
        place = int(np.flatnonzero(order == chosen)[0])
        figure.add_vrect(place - 0.5, place + 0.5, fillcolor=ID, opacity=0.22, line_width=0, layer="below")
    figure.update_layout(legend=legend(), bargap=0.1, clickmode="event+select", dragmode="zoom")
    return framed(figure, theme, height=400, top=30)


def channel_table(channels: Channels, class_names: Sequence[str], sort: Sort = "contribution") -> Table:
    """The numbers behind the channel plot."""
    order = channel_order(channels, sort)
    table: Table = {
        "channel": order.tolist(),
        "relevance": np.asarray(channels.relevance)[order].tolist(),
        "contribution to the distance": np.asarray(channels.contribution)[order].tolist(),
    }
    for index, name in enumerate(class_names):
        table[f"mean of {name}"] = np.asarray(channels.centroids[index])[order].tolist()
    return table


def _channel_axis(sort: Sort, size: int, span: int) -> str:
    if sort == "channel":
        return f"feature channel, 0 to {size - 1}"
    return f"channel, by {sort}" + (f" ({span} of {size})" if span < size else f" ({size})")  # fits a narrow screen


def _name_channels(figure: go.Figure, order: NDArray[np.int64], relevance: Any, named: list[int], span: int) -> None:  # noqa: ANN401
    """Write the numbers of the named channels at their bars, as far as they do not cover one another."""
    taken: list[int] = []
    for channel in named:
        place = int(np.flatnonzero(order == channel)[0])
        if place >= span or any(abs(place - other) < 0.045 * span for other in taken):
            continue
        taken.append(place)
        figure.add_annotation(
            x=place,
            y=float(relevance[place]),
            text=str(channel),
            showarrow=False,
            yshift=9 if relevance[place] >= 0 else -9,
        )
