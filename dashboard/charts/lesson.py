"""The plots of the lesson: few bars, large words, one of them marked. Knows no Streamlit."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from dashboard import words
from dashboard.charts.frame import framed, legend, plain_names
from dashboard.theme import ID, Theme
from nero_core.figures import label, least_relevant_first

SHOWN = 24  # channels: as many as can be seen apart from the back of a room
MOST_CLASSES = 20
LONGEST_NAME = 22  # letters: half of a narrow screen
HEIGHT = 340  # pixels
PICTURE = 240  # pixels, as high as the perturbed one beside it


def channel_bars(
    values: ArrayLike,
    theme: Theme,
    unit: str,
    order: NDArray[np.int64],
    marked: int | None = None,
    means: ArrayLike | None = None,
    means_name: str = "",
) -> go.Figure:
    """The first channels of an order as bars, with marks for what they are compared with.

    Args:
        values: of every channel.
        theme: light or dark.
        unit: of the values, for the axis.
        order: channel numbers, the first shown first.
        marked: a channel in the accent colour; it is shown even where the order has it later.
        means: of every channel, drawn as marks; none where None.
        means_name: what the marks are.
    """
    chosen = lesson_channels(order, marked)
    heights = np.asarray(values, dtype=np.float64)[chosen]
    names = [str(channel) for channel in chosen]
    figure = go.Figure()
    figure.add_bar(
        x=names,
        y=heights,
        name="this image",
        marker={"color": [ID if channel == marked else theme.text for channel in chosen]},
        hovertext=[f"channel {name}: {words.number(value)}" for name, value in zip(names, heights, strict=True)],
        hoverinfo="text",
    )
    if means is not None:
        (label,) = plain_names([means_name])
        usual = np.asarray(means, dtype=np.float64)[chosen]
        figure.add_scatter(
            x=names,
            y=usual,
            name=label,
            mode="markers",
            marker={
                "symbol": "line-ew",
                "color": theme.centroid,
                "size": 14,
                "line": {"color": theme.centroid, "width": 3},
            },
            hovertext=[f"channel {name}: {words.number(value)}" for name, value in zip(names, usual, strict=True)],
            hoverinfo="text",
        )
    figure.update_layout(legend=legend() | {"y": -0.32}, bargap=0.25, showlegend=means is not None)
    figure.update_xaxes(title="channel", type="category", tickangle=-90, showgrid=False, fixedrange=True)
    figure.update_yaxes(title=unit, zerolinecolor=theme.centroid, fixedrange=True)
    return framed(figure, theme, HEIGHT, top=14)


def lesson_channels(order: NDArray[np.int64], marked: int | None = None) -> list[int]:
    """The first channels of an order, and the marked one in any case."""
    chosen = [int(channel) for channel in order[:SHOWN]]
    return [*chosen[:-1], marked] if marked is not None and marked not in chosen else chosen


def class_bars(
    values: ArrayLike, class_names: Sequence[str], theme: Theme, unit: str, marked: int, texts: Sequence[str]
) -> go.Figure:
    """One bar a class, its number under its name, where a narrow screen has room; one in the accent colour.

    Of more than ``MOST_CLASSES`` those next to the marked one in the order of their values are shown; a long name is
    whole under the pointer.
    """
    shown = classes_shown(values, marked)
    lengths = np.asarray(values, dtype=np.float64)[shown]
    rows = list(range(len(lengths)))
    figure = go.Figure()
    figure.add_bar(
        x=lengths,
        y=rows,
        orientation="h",
        marker={"color": [ID if place == marked else theme.text for place in shown]},
        hovertext=[
            f"{name}: {texts[place]}"
            for name, place in zip(plain_names(class_names[i] for i in shown), shown, strict=True)
        ],
        hoverinfo="text",
    )
    short = plain_names(label(class_names[place], LONGEST_NAME) for place in shown)
    labels = [f"{name}<br><b>{texts[place]}</b>" for name, place in zip(short, shown, strict=True)]
    figure.update_xaxes(title=unit, fixedrange=True, zeroline=True, zerolinecolor=theme.centroid)
    figure.update_yaxes(
        autorange="reversed", fixedrange=True, automargin=True, tickvals=rows, ticktext=labels, showgrid=False
    )
    figure.update_layout(bargap=0.4)
    return framed(figure, theme, max(200, 90 + 48 * len(lengths)), top=14).update_yaxes(
        tickfont={"size": 15, "color": theme.text}
    )


def classes_shown(values: ArrayLike, marked: int) -> list[int]:
    """All classes in their order, or, of many, the ``MOST_CLASSES`` next to the marked one in the order of values."""
    lengths = np.asarray(values, dtype=np.float64)
    if len(lengths) <= MOST_CLASSES:
        return list(range(len(lengths)))
    order = np.argsort(-lengths, kind="stable")
    place = int(np.flatnonzero(order == marked)[0])
    first = min(max(0, place - MOST_CLASSES // 2), len(lengths) - MOST_CLASSES)
    return [int(index) for index in order[first : first + MOST_CLASSES]]


def least_relevant(features: ArrayLike, relevance: ArrayLike, k: int, theme: Theme) -> go.Figure:
    """Every channel's activation in the order of its relevance; the first ``k`` are K, in the accent colour."""
    order, heights = least_relevant_first(features, relevance)
    figure = go.Figure()
    for name, part, colour in (
        (f"K: the {k} of least relevance", slice(None, k), ID),
        ("the others", slice(k, None), theme.centroid),
    ):
        figure.add_bar(
            x=np.arange(len(order))[part],
            y=heights[part],
            name=name,
            marker={"color": colour, "line": {"width": 0}},
            hovertext=[
                f"channel {channel}: activation {words.number(value)}"
                for channel, value in zip(order[part], heights[part], strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_layout(legend=legend() | {"y": -0.32}, bargap=0)
    figure.update_xaxes(title="channels, least relevance first", showgrid=False, fixedrange=True)
    figure.update_yaxes(title="activation |a|", fixedrange=True)
    return framed(figure, theme, HEIGHT, top=14)


def drag_picture(
    uri: str, size: tuple[int, int], rectangle: tuple[float, float, float, float], theme: Theme
) -> go.Figure:
    """A picture to drag a rectangle on; axes run from 0 to 1, the top left is the origin.

    Args:
        uri: the picture.
        size: its width and height, for its aspect.
        rectangle: left, top, width and height to draw; nothing where the width or the height is 0.
        theme: light or dark.
    """
    figure = go.Figure()
    steps = np.linspace(0, 1, 9)  # points for the browser's box to find; the box itself is what is read
    x, y = np.meshgrid(steps, steps)
    figure.add_scatter(
        x=x.ravel(),
        y=y.ravel(),
        mode="markers",
        marker={"opacity": 0, "size": 2},
        hoverinfo="skip",
        showlegend=False,
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )
    figure.add_layout_image(source=uri, xref="x", yref="y", x=0, y=0, sizex=1, sizey=1, sizing="stretch", layer="below")
    left, top, width, height = rectangle
    if width > 0 and height > 0:
        figure.add_shape(
            type="rect",
            x0=left,
            x1=min(1.0, left + width),
            y0=top,
            y1=min(1.0, top + height),
            line={"color": "#FFFFFF", "width": 2, "dash": "dash"},
        )
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    figure.update_xaxes(range=[0, 1], **bare)
    figure.update_yaxes(range=[1, 0], scaleanchor="x", scaleratio=size[1] / size[0], constraintoward="top", **bare)
    figure.update_layout(
        dragmode="select",
        newselection={"line": {"color": "#FFFFFF", "width": 2}},
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
    )
    framed(figure, theme, PICTURE, top=0)
    return figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})
