"""Where this image's score lies among the scores of the banks."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard import words
from dashboard.charts.frame import Table, bar_style, framed, legend, plain_names, point_row
from dashboard.theme import ID, OOD, Theme
from nero_core.figures import bank_scores, beyond, class_scores, histogram_counts, score_domain
from nero_core.types import ReferenceScores

_BANKS = {"ID": ("calibration images, ID", ID, ""), "OOD": ("OOD bank images", OOD, "/")}  # name, colour, pattern


def score_histogram(reference: ReferenceScores, score: float, theme: Theme, bins: int = 44) -> go.Figure:
    """Calibration scores (ID), the OOD bank, the threshold, and this image."""
    low, high = score_domain(reference, score)
    edges = np.linspace(low, high, bins + 1)
    figure = go.Figure()
    peak = 0.0
    for bank, values in bank_scores(reference).items():
        name, colour, pattern = _BANKS[bank]
        counts = histogram_counts(values, edges)
        share = 100 * counts / max(1, len(values))
        peak = max(peak, float(share.max()))
        ends = ["or more" if place == bins - 1 else f"to {words.number(edges[place + 1])}" for place in range(bins)]
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=share,
            width=edges[1] - edges[0],
            name=f"{name} ({len(values)})",
            marker=bar_style(colour, pattern),
            hovertext=[
                f"{count} of {len(values)} {name} ({words.percent(count / max(1, len(values)))})"
                f"<br>score {words.number(edge)} {end}"
                for count, edge, end in zip(counts, edges, ends, strict=False)
            ],
            hoverinfo="text",
        )
    _threshold_and_image(figure, reference, score, (low, high), peak * 1.18, theme)
    figure.update_layout(barmode="overlay", bargap=0, legend=legend())
    figure.update_yaxes(title="images of the group (%)", range=[0, peak * 1.2], fixedrange=True)
    return _framed(figure, reference, (low, high), 430, theme)


def scores_by_class(
    reference: ReferenceScores,
    score: float,
    theme: Theme,
    class_names: Sequence[str],
    ood_class_names: Sequence[str] = (),
) -> go.Figure:
    """One row of calibration scores a class, ID above OOD: box = middle half, line = median, dots = images.

    Images beyond the axis stand at its end as triangles; the boxes know their true scores.
    """
    low, high = score_domain(reference, score)
    rows = [
        (name, values, _BANKS[bank][1])
        for bank, name, values in class_scores(reference, plain_names(class_names), plain_names(ood_class_names))
    ]
    figure = go.Figure()
    for place, (name, values, colour) in enumerate(reversed(rows)):
        hover = [f"{name}, score {words.number(value)}" for value in values]
        point_row(figure, place, name, values, colour, hover)
    _beyond(figure, rows[::-1], (low, high))
    top = len(rows) - 0.35
    _threshold_and_image(figure, reference, score, (low, high), top, theme, bottom=-0.6)
    figure.update_yaxes(
        title=None,
        range=[-0.7, len(rows) - 0.05],
        tickvals=list(range(len(rows))),
        ticktext=[name for name, _, _ in reversed(rows)],
        fixedrange=True,
        automargin=True,
        zeroline=False,
    )
    figure.update_layout(showlegend=False)
    return _framed(figure, reference, (low, high), max(430, 120 + 36 * len(rows)), theme)


def score_table(reference: ReferenceScores, class_names: Sequence[str], ood_class_names: Sequence[str] = ()) -> Table:
    """The scores behind the histogram, one row an image of the banks."""
    table: Table = {"group": [], "class": [], "score": []}
    for bank, name, values in class_scores(reference, class_names, ood_class_names):
        table["group"] += ["OOD bank" if bank == "OOD" else "calibration (ID)"] * len(values)
        table["class"] += [name] * len(values)
        table["score"] += values.tolist()
    return table


def _beyond(figure: go.Figure, rows: list[tuple[str, NDArray[np.float64], str]], domain: tuple[float, float]) -> None:
    """The images whose scores lie off the axis, at its end."""
    low, high = domain
    for place, (name, values, colour) in enumerate(rows):
        far = values[np.logical_or(*beyond(values, domain))]
        if not len(far):
            continue
        figure.add_scatter(
            x=np.clip(far, low, high),
            y=place + np.linspace(-0.25, 0.25, len(far) + 2)[1:-1],
            name=name,
            mode="markers",
            marker={
                "symbol": ["triangle-right" if value > high else "triangle-left" for value in far],
                "color": colour,
                "size": 7,
                "opacity": 0.7,
            },
            hovertext=[f"{name}, score {words.number(value)}, beyond the scale" for value in far],
            hoverinfo="text",
            showlegend=False,
            cliponaxis=False,
        )


def _threshold_and_image(
    figure: go.Figure,
    reference: ReferenceScores,
    score: float,
    domain: tuple[float, float],
    top: float,
    theme: Theme,
    bottom: float = 0.0,
) -> None:
    """Two upright lines with their names at ``top``; the names stand on the outer sides, so that they never meet."""
    low, high = domain
    limit, is_beyond = reference.threshold, score > high
    here, has_limit = min(score, high), isfinite(limit)
    if has_limit:
        line = {"dash": "dash", "width": 1.5, "color": theme.centroid}
        figure.add_shape(type="line", x0=limit, x1=limit, y0=bottom, y1=top, line=line)
    figure.add_scatter(
        x=[here, here],
        y=[bottom, top],
        mode="lines+markers",
        line={"color": theme.text, "width": 2.5},
        marker={
            "symbol": ["circle", "triangle-right" if is_beyond else "circle"],
            "size": [0, 11],
            "color": theme.text,
            "line": {"color": theme.background, "width": 1.5},
        },
        hovertext=f"this image: score {words.number(score)}" + (", beyond the scale" if is_beyond else ""),
        hoverinfo="text",
        showlegend=False,
        cliponaxis=False,
    )
    is_right = here >= limit
    names = [(here, f"<b>this image {words.number(score)}</b>" + (" →" if is_beyond else ""), is_right)]
    if has_limit:
        names.insert(0, (limit, f"threshold {words.number(limit)}", not is_right))
    for place, text, to_right in names:
        portion = (place - low) / (high - low)
        anchor = "left" if to_right else "right"
        crowded = (anchor == "left" and portion > 0.75) or (anchor == "right" and portion < 0.25)
        figure.add_annotation(
            x=place,
            y=top,
            text=text,
            showarrow=False,
            yanchor="bottom",
            xanchor={"left": "right", "right": "left"}[anchor] if crowded else anchor,
            yshift=(18 if crowded and abs(here - limit) < 0.5 * (high - low) else 0) + 6 * (place == here),
        )


def _framed(
    figure: go.Figure, reference: ReferenceScores, domain: tuple[float, float], height: int, theme: Theme
) -> go.Figure:
    figure.update_xaxes(
        title=f"{plain_names([words.method(reference.detector)])[0]} score, no unit (higher = more unlike)",
        range=list(domain),
        zeroline=False,
    )
    return framed(figure, theme, height, top=44)
