"""How the ID classes use one channel, with this image marked."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard import words
from dashboard.charts.frame import Table, framed, plain_names, point_row
from dashboard.theme import ID, Theme
from nero_core.figures import beyond
from nero_core.types import ChannelSummary

_ROW = 44  # pixels of one class


def relevance_by_class(
    summary: ChannelSummary,
    class_names: Sequence[str],
    theme: Theme,
    domain: tuple[float, float],
    here: float | None = None,
) -> go.Figure:
    """One row a class: box = middle half, line = median, dots = images; the upright line is this image.

    Images beyond the domain are counted at its edge.
    """
    names = plain_names(class_names)
    rows = list(zip(names, summary.class_relevance, strict=True))
    figure = go.Figure()
    for place, (name, values) in enumerate(reversed(rows)):
        shown = np.asarray(values, dtype=np.float64)
        hover = [f"{name}: relevance {words.number(value)}" for value in shown]
        point_row(figure, place, name, shown, ID, hover)
    if here is not None:
        top = len(rows) - 0.4
        figure.add_scatter(
            x=[here, here],
            y=[-0.55, top],
            mode="lines+markers",
            line={"color": theme.text, "width": 2.5},
            marker={"size": [0, 10], "color": theme.text},
            hovertext=f"this image: relevance {words.number(here)}",
            hoverinfo="text",
            showlegend=False,
        )
        is_right = (here - domain[0]) / (domain[1] - domain[0]) > 0.6
        figure.add_annotation(
            x=here,
            y=top,
            text=f"<b>this image {words.number(here)}</b>",
            showarrow=False,
            yanchor="bottom",
            xanchor="right" if is_right else "left",
            yshift=4,
        )
    for place, (_, values) in enumerate(reversed(rows)):
        shown = np.asarray(values, dtype=np.float64)
        below, above = (int(is_beyond.sum()) for is_beyond in beyond(shown, domain))
        for count, edge, text in ((below, "left", "◂ {} beyond"), (above, "right", "{} beyond ▸")):
            if count:
                x, y = domain[edge == "right"], place + 0.33
                figure.add_annotation(x=x, y=y, text=text.format(count), xanchor=edge, showarrow=False)
    figure.update_xaxes(title="relevance of the channel (parts of 1)", range=list(domain), zerolinecolor=theme.centroid)
    figure.update_yaxes(
        range=[-0.7, len(rows) - 0.05],
        tickvals=list(range(len(rows))),
        ticktext=[f"{name} ({len(values)})" for name, values in reversed(rows)],
        fixedrange=True,
        automargin=True,
        zeroline=False,
    )
    return framed(figure, theme, height=130 + _ROW * len(rows), top=26)


def class_relevance_table(summary: ChannelSummary, class_names: Sequence[str]) -> Table:
    """The relevance of the channel in every fit image."""
    table: Table = {"class": [], "relevance": []}
    for name, values in zip(class_names, summary.class_relevance, strict=True):
        table["class"] += [name] * len(values)
        table["relevance"] += values.tolist()
    return table
