"""The figure of a video's timeline."""

import pytest
from matplotlib.patches import Rectangle

from nero_core.figures import time_ticks, timeline_figure
from nero_core.types import FrameAccount, FrameScore, Stretch, Timeline
from tests.nero_core.figures.figure_text import overlaps, plot, text_of

ACCOUNT = FrameAccount(250, 25, 3, 2, 0, ("Ends at 00:12.00 of the 00:30.00 that its header announces: truncated.",))


def timeline(p_values: list[float], stretches: tuple[Stretch, ...] = ()) -> Timeline:
    frames = tuple(
        FrameScore(0.5 * place, 5 * place, f"{place:064}", 1 - p, p, p <= 0.05, "like", 0, 0.9)
        for place, p in enumerate(p_values)
    )
    return Timeline("clip.mp4", "ab" * 32, "nero", 0.95, 0.95, frames, stretches, ACCOUNT)


def test_frames_that_are_unlike_stretches_and_the_level_are_drawn():
    figure = timeline_figure(timeline([0.5, 0.04, 0.05, 0.01, 0.9], (Stretch(0.5, 1.5, 3, 0.01),)), "Colon phantoms")
    axes = plot(figure)
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert list(lines["unlike (3)"].get_xdata()) == [0.5, 1.0, 1.5]
    assert list(lines["unlike (3)"].get_ydata()) == [0.04, 0.05, 0.01]
    assert list(lines["others (2)"].get_xdata()) == [0, 2.0]
    assert lines["p = 0.0500"].get_ydata()[0] == pytest.approx(0.05)
    (span,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (span.get_x(), span.get_width()) == pytest.approx((0.5, 1.0))
    text = text_of(figure)
    for words in (
        "p-value by NERO",
        "25 looked at",
        "video abababab · reference set Colon phantoms",
        "3 dark, 2 blurred",
        "that its header announces",
        "00:01",
    ):
        assert words in text
    assert overlaps(figure) == []


@pytest.mark.parametrize("p_values", [[], [0.5], [1e-5] * 3, [0.3] * 400])
def test_short_long_and_extreme_timelines_leave_words_in_their_places(p_values: list[float]):
    figure = timeline_figure(timeline(p_values))
    low, high = plot(figure).get_ylim()
    assert all(low < p < high for p in p_values)
    assert overlaps(figure) == []


@pytest.mark.parametrize(
    ("frames", "shown"),
    [
        (0, {}),
        (1, {0: "00:00"}),
        (5, {0: "00:00", 1: "00:01", 2: "00:02"}),
        (240, {0: "00:00", 15: "00:15", 30: "00:30", 45: "00:45", 60: "01:00", 75: "01:15", 90: "01:30", 105: "01:45"}),
    ],
)
def test_ticks_are_whole_seconds_of_a_clock(frames: int, shown: dict[int, str]):
    assert time_ticks(timeline([0.5] * frames)) == shown


def test_a_video_of_hours_has_few_ticks():
    ticks = time_ticks(timeline([0.5] * 20_000))
    assert len(ticks) <= 9 and ticks[7200] == "2:00:00"
