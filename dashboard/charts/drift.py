"""p-values of a bundle over time: a bar a week, beside what they are while the world stays as it was."""

from datetime import datetime, timedelta

import plotly.graph_objects as go

from dashboard import words
from dashboard.charts.frame import Table, framed, legend
from dashboard.theme import ID, OOD, Theme
from nero_core.worklist import Quality, Week

EXPECTED = (0.25, 0.5, 0.75)  # quartiles of the uniform distribution
KINDS = {"moved": ("square", OOD), "as expected": ("circle", ID), "too few to test": ("circle-open", None)}


def kind(week: Week) -> str:
    """What the test says of a week: a name of ``KINDS``."""
    if week.ks_p_value is None:
        return "too few to test"
    return "moved" if week.has_moved else "as expected"


def drift_plot(found: Quality, theme: Theme) -> go.Figure:
    """Of each week the middle 80 % of p (thin), the middle half (thick) and the median; dashed: what is expected."""
    figure = go.Figure()
    for level in EXPECTED:
        figure.add_hline(y=level, line={"dash": "dash" if level == 0.5 else "dot", "width": 1, "color": theme.centroid})
    for name, (symbol, colour) in KINDS.items():
        weeks = [week for week in found.weeks if kind(week) == name]
        if not weeks:
            continue
        ink = colour or theme.text
        for low, high, width in ((0, 4, 1.5), (1, 3, 6)):
            figure.add_scatter(
                x=[day for week in weeks for day in (_middle(week), _middle(week), None)],
                y=[y for week in weeks for y in (week.quantiles[low], week.quantiles[high], None)],
                mode="lines",
                line={"color": ink, "width": width},
                opacity=0.7,
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=[_middle(week) for week in weeks],
            y=[week.median_p for week in weeks],
            mode="markers",
            name=f"{name} ({len(weeks)})",
            marker={"symbol": symbol, "color": ink, "size": 11, "line": {"width": 1.5, "color": theme.background}},
            hovertext=[words.quality.week(week) for week in weeks],
            hoverinfo="text",
        )
    figure.update_layout(legend=legend())
    figure.update_yaxes(title="p-value", range=[0, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], fixedrange=True)
    first, last = found.weeks[0].monday, found.weeks[-1].monday
    figure.update_xaxes(
        title="week",
        range=[first - timedelta(days=2), last + timedelta(days=9)],
        tickformat="%-d %b\n%Y",
        dtick=7 * 86_400_000 if len(found.weeks) <= 10 and (last - first).days <= 70 else None,
        tick0=first.isoformat(),
        showgrid=False,
        zeroline=False,
    )
    return framed(figure, theme, height=340, top=12)


def drift_table(found: Quality) -> Table:
    """The weeks of the chart, one row each."""
    weeks = found.weeks
    return {
        "week from": [week.monday.isoformat() for week in weeks],
        "images": [week.scored for week in weeks],
        "different images": [week.different for week in weeks],
        "unlike": [week.unlike for week in weeks],
        "agreed": [week.agreed for week in weeks],
        "overridden": [week.overridden for week in weeks],
        "second look": [week.second_look for week in weeks],
        "p 10 %": [week.quantiles[0] for week in weeks],
        "p 25 %": [week.quantiles[1] for week in weeks],
        "p median": [week.median_p for week in weeks],
        "p 75 %": [week.quantiles[3] for week in weeks],
        "p 90 %": [week.quantiles[4] for week in weeks],
        "KS statistic": [week.ks_statistic for week in weeks],
        "KS p-value": [week.ks_p_value for week in weeks],
        "adjusted for all weeks": [week.adjusted_p for week in weeks],
        "test": [kind(week) for week in weeks],
    }


def class_counts_table(found: Quality) -> Table:
    """What was scored and reviewed, by predicted class, one row each."""
    rows = found.classes
    return {
        "predicted": [row.predicted for row in rows],
        "images": [row.scored for row in rows],
        "unlike": [row.unlike for row in rows],
        "share unlike": [row.unlike / row.scored for row in rows],
        "agreed": [row.agreed for row in rows],
        "overridden": [row.overridden for row in rows],
        "share overridden": [row.override_rate for row in rows],
        "second look": [row.second_look for row in rows],
    }


def _middle(week: Week) -> datetime:
    return datetime.combine(week.monday, datetime.min.time()) + timedelta(days=3.5)
