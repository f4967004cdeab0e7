"""How a class's probability goes as patches are exchanged: by heatmap, by plain gradient, by chance."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.frame import Table, framed, legend
from dashboard.theme import CLASSES, Theme
from nero_core.types import Faithfulness, FlippingCurves


def faithfulness_plot(figures: Faithfulness, theme: Theme) -> go.Figure:
    """Deletion on the left, insertion on the right; the heatmap in the text colour."""
    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        subplot_titles=["blurring the image", "restoring it"],
    )
    share = [100 * float(value) for value in figures.share]
    for name, curves, line in _orders(figures, theme):
        for column, (values, done) in enumerate(((curves.deletion, "blurred"), (curves.insertion, "restored")), 1):
            figure.add_scatter(
                x=share,
                y=[float(value) for value in values],
                mode="lines",
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                line=line,
                hovertext=[
                    f"by {name}: {part:.0f} % of the patches {done},<br>probability {float(value):.3f}"
                    for part, value in zip(share, values, strict=True)
                ],
                hoverinfo="text",
                row=1,
                col=column,
            )
    figure.update_xaxes(title="patches (%)", range=[-2, 102], tickvals=[0, 50, 100], zeroline=False, fixedrange=True)
    figure.update_yaxes(range=[-0.03, 1.03], zeroline=False, fixedrange=True)
    figure.update_yaxes(title="probability", row=1, col=1)
    figure.update_layout(legend=legend() | {"y": -0.3})
    return framed(figure, theme, height=330, top=36)


def faithfulness_table(figures: Faithfulness) -> Table:
    """The points of the curves, one row a step."""
    table: Table = {"patches (%)": [100 * float(value) for value in figures.share]}
    for name, curves in (("heatmap", figures.heatmap), ("gradient", figures.gradient), ("random", figures.random)):
        table[f"{name}, blurring"] = curves.deletion.tolist()
        table[f"{name}, restoring"] = curves.insertion.tolist()
    return table


def _orders(figures: Faithfulness, theme: Theme) -> list[tuple[str, FlippingCurves, dict[str, object]]]:
    """Told apart by colour, dash and width; the heatmap is drawn last, on top."""
    return [
        ("chance", figures.random, {"color": theme.centroid, "width": 2, "dash": "dot"}),
        ("plain gradient", figures.gradient, {"color": CLASSES[0], "width": 2, "dash": "dash"}),
        ("heatmap", figures.heatmap, {"color": theme.text, "width": 3}),
    ]
