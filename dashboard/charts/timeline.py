"""A video's p-value over time, with the stretches that stay unlike."""

from math import log10

import plotly.graph_objects as go

from dashboard import words
from dashboard.charts.frame import Table, framed, legend, plain_names
from dashboard.theme import OOD, Theme
from nero_core.figures import time_ticks
from nero_core.types import Timeline, is_unlike, time_stamp

LOWEST, HIGHEST = 0.001, 1.3  # of the axis, at least; logarithmic, since what matters lies near 0


def timeline_plot(timeline: Timeline, theme: Theme, chosen: int | None = None) -> go.Figure:
    """p of every frame, the level at and below which a frame is unlike, and the stretches, shaded.

    Args:
        timeline: the record.
        theme: light or dark.
        chosen: place in ``timeline.frames`` of the frame that is shown.

    A point's ``customdata`` is its place in ``timeline.frames``.
    """
    figure, frames = go.Figure(), timeline.frames
    lowest = min([LOWEST, *(0.7 * frame.p_value for frame in frames)])
    for number, run in enumerate(timeline.stretches, 1):
        figure.add_vrect(x0=run.start, x1=run.end, fillcolor=OOD, opacity=0.18, line={"color": OOD, "width": 1})
        figure.add_annotation(
            x=(run.start + run.end) / 2, y=1, yref="paper", yanchor="bottom", showarrow=False, text=f"stretch {number}"
        )
    figure.add_scatter(
        x=[frame.time for frame in frames],
        y=[frame.p_value for frame in frames],
        mode="lines",
        line={"color": theme.centroid, "width": 1},
        hoverinfo="skip",
        showlegend=False,
    )
    for is_below, name, symbol, colour in (
        (True, "unlike", "square", OOD),
        (False, "others", "circle-open", theme.text),
    ):
        shown = [place for place, frame in enumerate(frames) if is_unlike(frame.p_value, timeline.tpr) == is_below]
        figure.add_scatter(
            x=[frames[place].time for place in shown],
            y=[frames[place].p_value for place in shown],
            mode="markers",
            name=f"{name} ({len(shown)})",
            marker={"symbol": symbol, "color": colour, "size": 8},
            customdata=shown,
            hovertext=[
                f"{time_stamp(frames[place].time)}: p {words.number(frames[place].p_value)}, "
                f"score {words.number(frames[place].score)}"
                for place in shown
            ],
            hoverinfo="text",
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    if chosen is not None:
        figure.add_scatter(
            x=[frames[chosen].time],
            y=[frames[chosen].p_value],
            mode="markers",
            name="shown below",
            marker={"symbol": "circle-open", "color": theme.text, "size": 18, "line": {"width": 2.5}},
            hoverinfo="skip",
        )
    figure.add_hline(y=timeline.level, line={"dash": "dash", "width": 1.5, "color": theme.centroid})
    figure.add_annotation(
        x=1, xref="paper", y=log10(timeline.level), yref="y", xanchor="right", yanchor="bottom", showarrow=False,
        text=f"p = {words.number(timeline.level)}: unlike at and below",
    )  # fmt: skip
    figure.update_layout(legend=legend())
    figure.update_yaxes(
        title=f"p-value by {plain_names([words.method(timeline.detector)])[0]}",
        type="log",
        range=[log10(lowest), log10(HIGHEST)],
        fixedrange=True,
        tickformat="~g",
        dtick=1,
    )
    ticks = time_ticks(timeline)
    figure.update_xaxes(title="time in the video", tickvals=list(ticks), ticktext=list(ticks.values()), zeroline=False)
    return framed(figure, theme, height=340, top=36)


def timeline_table(timeline: Timeline, class_names: tuple[str, ...]) -> Table:
    """The points of the chart, one row a frame."""
    frames = timeline.frames
    return {
        "time": [time_stamp(frame.time) for frame in frames],
        "frame": [frame.index for frame in frames],
        "p-value": [frame.p_value for frame in frames],
        "score": [frame.score for frame in frames],
        "unlike": [frame.is_ood for frame in frames],
        "predicted": [class_names[frame.predicted] for frame in frames],
    }
