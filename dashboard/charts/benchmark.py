"""Methods side by side: ROC curves, scores on each method's own axis, and AUROC by OOD class."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dashboard import words
from dashboard.charts.frame import Table, bar_style, framed, legend, plain_names
from dashboard.theme import CLASSES, ID, LIGHT, OOD, Theme
from nero_core import BenchmarkResult
from nero_core.benchmark import MethodResult
from nero_core.figures import histogram_counts, method_domain
from nero_core.metrics import roc_curve

#: methods that can be told apart in one plot: by colour and by dash
MOST_METHODS = 6
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_POINTS = 400  # of a curve: more cannot be seen
_BINS = 40
_ROW = 150  # pixels of one method's histogram
_CELL = 27  # pixels of one row of the heat table
#: pale to deep: at least 5.5:1 against the light theme's text
_SCALE = ((0.0, "#FFF7D6"), (0.5, "#B5DAEF"), (1.0, "#3A97D4"))


def roc_curves(result: BenchmarkResult, methods: Sequence[str], theme: Theme) -> go.Figure:
    """Each method's curve over all thresholds; NERO's in the text colour. The dashed diagonal is guessing."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": theme.centroid, "width": 1, "dash": "dash"},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    for place, name in enumerate(_chosen(result, methods)):
        method = _method(result, name)
        rejected, detected = roc_curve(method.id_scores, method.ood_scores, _POINTS)
        figure.add_scatter(
            x=rejected,
            y=detected,
            mode="lines",
            name=f"{words.method(name)} {100 * method.pooled.auroc.value:.1f}",
            line={"color": _colour(place, name, theme), "width": 3 if name == "nero" else 2, "dash": _DASHES[place]},
            hovertext=[
                f"{words.method(name)}: finds {y:.1f} % of OOD images<br>when it rejects {x:.1f} % of ID images"
                for x, y in zip(rejected, detected, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_xaxes(title="ID images rejected (%)", range=[-1, 101], zeroline=False)
    figure.update_yaxes(title="OOD images found (%)", range=[-1, 101], zeroline=False)
    figure.update_layout(legend=legend())
    return framed(figure, theme, height=430, top=10)


def method_histograms(
    result: BenchmarkResult, methods: Sequence[str], thresholds: Mapping[str, float], theme: Theme
) -> go.Figure:
    """A row for each method: scores of ID and OOD images on its own axis, and its threshold."""
    chosen = _chosen(result, methods)
    figure = make_subplots(
        rows=max(1, len(chosen)),
        cols=1,
        vertical_spacing=min(0.5, 0.42 / max(1, len(chosen))),
        subplot_titles=[f"<b>{words.method(name)}</b>" for name in chosen],
    )
    for row, name in enumerate(chosen, 1):
        method, limit = _method(result, name), thresholds.get(name)
        groups = (("ID images", method.id_scores, ID, ""), ("OOD images", method.ood_scores, OOD, "/"))
        low, high = method_domain(method.id_scores, method.ood_scores, limit)
        edges = np.linspace(low, high, _BINS + 1)
        for group, scores, colour, pattern in groups:
            values = np.asarray(scores, dtype=np.float64)
            counts = histogram_counts(values, edges)
            figure.add_bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=100 * counts / len(values),
                width=edges[1] - edges[0],
                name=f"{group} ({len(values)})",
                legendgroup=group,
                showlegend=row == 1,
                marker=bar_style(colour, pattern),
                hovertext=[
                    f"{count} of {len(values)} {group}<br>{words.method(name)} score about {words.number(centre)}"
                    for count, centre in zip(counts, (edges[:-1] + edges[1:]) / 2, strict=True)
                ],
                hoverinfo="text",
                row=row,
                col=1,
            )
        if limit is not None:
            figure.add_vline(limit, line={"dash": "dash", "width": 1.5, "color": theme.text}, row=row, col=1)
        figure.update_xaxes(range=[low, high], zeroline=False, row=row, col=1)
    figure.update_xaxes(title="score, each method's own (higher = more unlike)", row=max(1, len(chosen)), col=1)
    figure.update_yaxes(fixedrange=True, nticks=4, ticksuffix=" %")
    figure.update_annotations(x=0, xanchor="left")
    height = 110 + _ROW * max(1, len(chosen))
    below = legend() | {"y": -70 / (height - 100)}
    figure.update_layout(barmode="overlay", bargap=0, legend=below)
    return framed(figure, theme, height=height, top=30)


def class_heat(result: BenchmarkResult, theme: Theme) -> go.Figure:
    """AUROC of every method (rows, best first) on every OOD class (columns): deep blue is better.

    All colours are light enough for the same dark numbers, so the table reads alike in both themes.
    """
    names, rows = list(result.ood_classes), list(result.methods)
    shown = plain_names(names)
    figure = go.Figure(
        go.Heatmap(
            z=100 * class_auroc(result),
            x=shown,
            y=[words.method(method.method) for method in rows],
            zmin=50,
            zmax=100,
            colorscale=_SCALE,
            textfont={"color": LIGHT.text},
            xgap=2,
            ygap=2,
            texttemplate="%{z:.0f}",
            hovertext=[
                [f"{words.method(method.method)} on {name}:<br>AUROC {_auroc_text(method, raw)}" for raw, name in
                 zip(names, shown, strict=True)]
                for method in rows
            ],
            hoverinfo="text",
            colorbar={"title": {"text": "AUROC (%)", "side": "right"}, "thickness": 12, "tickvals": [50, 75, 100],
                      "ticktext": ["≤ 50", "75", "100"], "tickfont": {"color": theme.soft}},
        )
    )  # fmt: skip
    figure.update_xaxes(side="top", tickangle=-45 if len(names) > 3 else 0, showgrid=False, fixedrange=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, fixedrange=True, ticksuffix=" ")
    figure.update_layout(dragmode=False)
    return framed(figure, theme, height=190 + _CELL * len(rows), top=10)


def roc_table(result: BenchmarkResult, methods: Sequence[str]) -> Table:
    """The points of the curves."""
    table: Table = {"method": [], "ID images rejected (%)": [], "OOD images found (%)": []}
    for name in _chosen(result, methods):
        method = _method(result, name)
        for x, y in zip(*roc_curve(method.id_scores, method.ood_scores, _POINTS), strict=True):
            for column, cell in zip(table, (name, float(x), float(y)), strict=True):
                table[column].append(cell)
    return table


def class_auroc(result: BenchmarkResult) -> NDArray[np.float64]:
    """AUROC of every method (rows) on every OOD class (columns), in [0, 1]; nan where a class has no image."""
    return np.array(
        [
            [method.per_class[name].auroc.value if name in method.per_class else np.nan for name in result.ood_classes]
            for method in result.methods
        ]
    )


def class_table(result: BenchmarkResult) -> Table:
    """The numbers behind the heat table: AUROC with its interval, as text."""
    table: Table = {"method": [method.method for method in result.methods]}
    for name, count in result.ood_classes.items():
        table[f"{name} ({count})"] = [_auroc_text(method, name) for method in result.methods]
    return table


def _chosen(result: BenchmarkResult, methods: Sequence[str]) -> list[str]:
    there = {method.method for method in result.methods}
    return [name for name in methods if name in there][:MOST_METHODS]


def _method(result: BenchmarkResult, name: str) -> MethodResult:
    return next(method for method in result.methods if method.method == name)


def _colour(place: int, name: str, theme: Theme) -> str:
    others = (*CLASSES, theme.centroid, ID)
    return theme.text if name == "nero" else others[place % len(others)]


def _auroc_text(method: MethodResult, name: str) -> str:
    if name not in method.per_class:
        return "no images"
    auroc = method.per_class[name].auroc
    return words.interval(auroc.value, auroc.low, auroc.high)
