"""Figures of bars draw the values that they are given, in the order that they are given, and say their numbers."""

import numpy as np
import pytest

from nero_core.figures import bar_figure
from nero_core.figures.style import HERE, ID
from tests.nero_core.figures.figure_text import colour, overlaps, plot, text_of

NAMES = ("normal-cecum", "normal-pylorus", "normal-z-line")


def test_each_name_has_a_bar_of_its_value_and_the_marked_one_is_blue():
    figure = bar_figure(NAMES, [4.2, -1.3, 0.0], "logit", marked=(1,), title="Logits", note="The largest counts.")
    bars = plot(figure).patches
    assert [bar.get_width() for bar in bars] == [4.2, -1.3, 0.0]
    assert [colour(bar) for bar in bars] == [HERE, ID, HERE]
    text = text_of(figure)
    for words in (*NAMES, "4.20", "−1.30", "logit", "Logits", "The largest counts."):
        assert words in text
    assert overlaps(figure) == []


def test_what_is_said_of_a_bar_stands_beside_it_on_its_own_side_and_inside_the_axes():
    figure = bar_figure(NAMES, [1.0, -1.0, 0.5], "r", ["a long sentence of one", "and another one", "short"])
    axes = plot(figure)
    left, right = axes.get_xlim()
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert left < places["and another one"] < -1.0
    assert 1.0 < places["a long sentence of one"] < right
    assert overlaps(figure) == []


def test_a_value_that_is_not_finite_has_no_bar_and_says_so():
    figure = bar_figure(NAMES, [np.nan, np.inf, 2.0], "x")
    assert [bar.get_width() for bar in plot(figure).patches] == [0.0, 0.0, 2.0]
    assert text_of(figure).count("not defined") == 2


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1e-9, -2e-9, -3e-9], [1e12, 1.0, -1e12]])
def test_extreme_values_leave_words_in_their_places(values: list[float]):
    assert overlaps(bar_figure(NAMES, values, "x")) == []


def test_an_axis_ends_at_the_whole_at_least():
    assert plot(bar_figure(NAMES, [0.1, 0.2, 0.1], "p", whole=1.0)).get_xlim()[1] > 1.0
    assert plot(bar_figure(NAMES, [0.1, 0.2, 0.1], "p")).get_xlim()[1] < 1.0
