"""The chart of a video's timeline."""

from math import log10

import pytest

from dashboard import charts
from dashboard.theme import DARK, LIGHT
from nero_core.types import FrameAccount, FrameScore, Stretch, Timeline


def timeline(p_values: list[float], stretches: tuple[Stretch, ...] = ()) -> Timeline:
    frames = tuple(
        FrameScore(0.5 * place, 5 * place, f"{place:064}", 1 - p, p, p <= 0.05, "like", 0, 0.9)
        for place, p in enumerate(p_values)
    )
    return Timeline("clip.mp4", "ab" * 32, "nero", 0.95, 0.95, frames, stretches, FrameAccount(len(frames)))


SHOWN = timeline([0.5, 0.04, 0.05, 0.01, 0.9], (Stretch(0.5, 1.5, 3, 0.01),))


def test_every_frame_is_a_point_that_knows_its_place():
    figure = charts.timeline_plot(SHOWN, LIGHT)
    unlike, others = (trace for trace in figure.data if trace.mode == "markers")
    assert (unlike.name, list(unlike.x), list(unlike.customdata)) == ("unlike (3)", [0.5, 1.0, 1.5], [1, 2, 3])
    assert (others.name, list(others.x), list(others.customdata)) == ("others (2)", [0, 2.0], [0, 4])
    assert unlike.marker.symbol != others.marker.symbol
    assert unlike.hovertext[2] == "00:01.50: p 0.0100, score 0.990"


def test_stretches_are_shaded_and_the_level_is_a_line():
    figure = charts.timeline_plot(SHOWN, DARK)
    span, line = figure.layout.shapes
    assert (span.type, span.x0, span.x1) == ("rect", 0.5, 1.5)
    assert (line.y0, line.y1) == (pytest.approx(0.05), pytest.approx(0.05))
    said = {note.text: note.y for note in figure.layout.annotations}
    assert "stretch 1" in said
    assert said["p = 0.0500: unlike at and below"] == pytest.approx(log10(0.05))  # on a logarithmic axis


def test_the_frame_that_is_shown_is_ringed():
    (ring,) = [trace for trace in charts.timeline_plot(SHOWN, LIGHT, chosen=3).data if trace.name == "shown below"]
    assert (list(ring.x), list(ring.y)) == ([1.5], [0.01])


@pytest.mark.parametrize("p_values", [[], [0.5], [1e-5] * 3])
def test_the_axis_holds_every_point(p_values: list[float]):
    low, high = charts.timeline_plot(timeline(p_values), LIGHT).layout.yaxis.range
    assert all(low < log10(p) < high for p in p_values)


def test_the_table_has_a_row_a_frame():
    table = charts.timeline_table(SHOWN, ("normal-cecum",))
    assert table["time"] == ["00:00.00", "00:00.50", "00:01.00", "00:01.50", "00:02.00"]
    assert table["unlike"] == [False, True, True, True, False]
    assert set(table["predicted"]) == {"normal-cecum"}
