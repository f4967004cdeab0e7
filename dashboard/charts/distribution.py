"""How the ID classes and the OOD images use one channel, with this image marked."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard import words
from dashboard.charts.frame import Table, framed, plain_names, point_row
from dashboard.theme import ID, OOD, Theme
from nero_core.figures import beyond, class_rows
from nero_core.types import ChannelSummary

_ROW = 44  # pixels of one class


def relevance_by_class(
    summary: ChannelSummary,
    class_names: Sequence[str],
    theme: Theme,
    domain: tuple[float, float],
    here: float | None = None,
    ood_class_names: Sequence[str] = (),
) -> go.Figure:
    """One row a class: box = middle half, line = median, dots = images; the upright line is this image.

    Classes of the OOD bank stand below those of the reference set.

    Images beyond the domain are counted at its edge.
    """
    rows = class_rows(summary, plain_names(class_names), plain_names(ood_class_names))
    figure = go.Figure()
    for place, row in enumerate(reversed(rows)):
        hover = [f"{row.name}: relevance {words.number(value)}" for value in row.values]
        point_row(figure, place, row.name, row.values, OOD if row.is_ood else ID, hover)
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
    for place, row in enumerate(reversed(rows)):
        below, above = (int(is_beyond.sum()) for is_beyond in beyond(row.values, domain))
        for count, edge, text in ((below, "left", "◂ {} beyond"), (above, "right", "{} beyond ▸")):
            if count:
                x, y = domain[edge == "right"], place + 0.33
                figure.add_annotation(x=x, y=y, text=text.format(count), xanchor=edge, showarrow=False)
    figure.update_xaxes(title="relevance of the channel (parts of 1)", range=list(domain), zerolinecolor=theme.centroid)
    figure.update_yaxes(
        range=[-0.7, len(rows) - 0.05],
        tickvals=list(range(len(rows))),
        ticktext=[f"{row.name}{', OOD' if row.is_ood else ''} ({len(row.values)})" for row in reversed(rows)],
        fixedrange=True,
        automargin=True,
        zeroline=False,
    )
    return framed(figure, theme, height=130 + _ROW * len(rows), top=26)


def class_relevance_table(
    summary: ChannelSummary, class_names: Sequence[str], ood_class_names: Sequence[str] = ()
) -> Table:
    """The relevance of the channel in every fit image, and in every image of the OOD bank."""
    table: Table = {"class": [], "OOD": [], "relevance": []}
    for row in class_rows(summary, class_names, ood_class_names):
        table["class"] += [row.name] * len(row.values)
        table["OOD"] += [row.is_ood] * len(row.values)
        table["relevance"] += row.values.tolist()
    return table
