"""Figures of channels draw the channels that they are given, in that order, with the values of those channels."""

import numpy as np
import pytest

from nero_core.figures import channel_bars_figure, image_pair_figure, least_relevant_figure
from nero_core.figures.numbers import number
from nero_core.figures.style import CENTROID, HERE, ID
from tests.nero_core.figures.figure_text import colour, overlaps, plot, text_of

VALUES = np.random.default_rng(0).normal(size=512)


def test_channels_come_in_the_order_given_with_their_values_and_their_means():
    means = VALUES / 2
    figure = channel_bars_figure(
        VALUES, [7, 500, 3], "activation", "strongest first", 500, means, "mean of normal-cecum"
    )
    axes = plot(figure)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["7", "500", "3"]
    heights = {round(bar.get_x() + bar.get_width() / 2): (bar.get_height(), colour(bar)) for bar in axes.patches}
    assert heights == {0: (VALUES[7], HERE), 1: (VALUES[500], ID), 2: (VALUES[3], HERE)}
    np.testing.assert_allclose(axes.collections[0].get_offsets()[:, 1], means[[7, 500, 3]])
    text = text_of(figure)
    for words in ("this image, channel 500", "mean of normal-cecum", "3 of 512, strongest first", "activation"):
        assert words in text
    assert overlaps(figure) == []


def test_without_means_there_are_no_marks():
    figure = channel_bars_figure(VALUES, range(24), "activation", "by number")
    assert not plot(figure).collections
    assert "channel None" not in text_of(figure)
    assert overlaps(figure) == []


def test_two_images_stand_side_by_side_in_the_same_channels():
    first, second = VALUES, VALUES[::-1]
    figure = image_pair_figure(first, second, [9, 2], ("First image", "Second image"), 2)
    heights = [bar.get_height() for bar in plot(figure).patches]
    assert heights == [first[9], first[2], second[9], second[2]]
    bold = [tick.get_text() for tick in plot(figure).get_xticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["2"]
    assert all(words in text_of(figure) for words in ("First image", "Second image", "2 of 512", "2 in bold"))
    assert overlaps(figure) == []


@pytest.mark.parametrize("k", [1, 100, 512])
def test_rho_is_the_part_of_the_activity_in_the_channels_of_least_relevance(k: int):
    activation, relevance = VALUES - 1, VALUES[::-1]
    figure = least_relevant_figure(activation, relevance, k)
    order = np.argsort(relevance, kind="stable")
    rho = np.abs(activation)[order][:k].sum() / np.abs(activation).sum()
    assert f"the {k} of least relevance: ρ = {number(rho)} of the activity" in text_of(figure)
    steps = plot(figure).patches
    np.testing.assert_allclose(steps[0].get_data().values, np.abs(activation)[order][:k])  # type: ignore[attr-defined]
    assert colour(steps[0]) == ID
    if k < 512:
        np.testing.assert_allclose(steps[1].get_data().edges[0], k - 0.5)  # type: ignore[attr-defined]
        assert colour(steps[1]) == CENTROID
    assert overlaps(figure) == []


def test_an_image_without_activity_has_no_rho():
    assert "ρ = not defined" in text_of(least_relevant_figure(np.zeros(8), np.zeros(8), 2))
