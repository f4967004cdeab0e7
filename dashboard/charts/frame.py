"""What all charts share: the toolbar, the legend and the kind of table behind a chart."""

from collections.abc import Iterable
from html import escape
from typing import Any

import plotly.graph_objects as go

from dashboard.theme import Theme

Table = dict[str, list[Any]]


def plain_names(names: Iterable[str]) -> list[str]:
    """Class names come from a bundle, and plotly reads what it draws as HTML. It knows no ``&quot;``."""
    return [escape(name, quote=False) for name in names]


def toolbar(name: str, form: str = "png") -> dict[str, Any]:
    """Plotly's configuration: zoom, pan, reset and the download, nothing else. ``form`` is ``png`` or ``svg``."""
    return {
        "displaylogo": False,
        "modeBarButtons": [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
        "toImageButtonOptions": {"format": form, "filename": name, "scale": 2},
    }


def framed(figure: go.Figure, theme: Theme, height: int, top: int) -> go.Figure:
    """Height, margins and the colour of words, which must reach 4.5:1; the rest is Streamlit's own theme."""
    soft = {"color": theme.soft}
    figure.update_layout(height=height, margin={"l": 8, "r": 12, "t": top, "b": 8}, font=soft, legend={"font": soft})
    figure.update_xaxes(tickfont=soft, title_font=soft)
    figure.update_yaxes(tickfont=soft, title_font=soft)
    figure.update_annotations(font=soft)
    return figure


def legend() -> dict[str, Any]:
    """Below the axis, where it covers no annotation and may take two lines."""
    return {"orientation": "h", "x": 0, "y": -0.24, "xanchor": "left", "yanchor": "top", "title": None}


def bar_style(colour: str, pattern: str) -> dict[str, Any]:
    """The bars of one group in a histogram; a pattern tells groups apart without their colour."""
    return {
        "color": colour,
        "opacity": 0.75,
        "line": {"width": 1 if pattern else 0, "color": colour},
        "pattern": {"shape": pattern, "size": 6, "solidity": 0.45, "fgopacity": 1},
    }


def point_row(figure: go.Figure, place: int, name: str, values: Any, colour: str, hover: list[str]) -> None:  # noqa: ANN401
    """One group as a row: each value a dot, the middle half a box."""
    figure.add_box(
        x=values,
        y0=place,
        name=name,
        orientation="h",
        boxpoints="all",
        jitter=0.6,
        pointpos=0,
        marker={"color": colour, "size": 3, "opacity": 0.55},
        line={"color": colour, "width": 1.4},
        fillcolor="rgba(0,0,0,0)",
        hovertext=hover,
        hoverinfo="text",
        hoveron="points",
        showlegend=False,
    )
