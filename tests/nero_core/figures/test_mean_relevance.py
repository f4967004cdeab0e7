"""The strips of mean relevance: an axis of ranks, and channels by their numbers above it."""

import pytest
import torch

from nero_core.figures import mean_relevance_figure
from nero_core.types import Channels, MeanRelevance
from tests.nero_core.figures.figure_text import overlaps, text_of

SIZE = 512
MEANS = torch.linspace(0.02, -0.01, SIZE).double()  # the rank of a channel is its number
CHANNELS = Channels(MEANS.flip(0), MEANS[None], 0, MEANS.abs())
MEAN = MeanRelevance(MEANS, 300, MEANS[None], MEANS / 2, 60)


@pytest.mark.parametrize("named", [(0, 1, 2, 3, 300), tuple(range(504, 512)), (393, 44, 187, 312, 225, 176, 427, 81)])
def test_every_line_has_its_number_and_no_two_meet(named: tuple[int, ...]):
    figure = mean_relevance_figure(CHANNELS, MEAN, named)
    assert overlaps(figure) == []
    first = figure.axes[1]
    numbers = [text.get_text() for text in first.texts if text.get_text().isdigit()]
    assert sorted(numbers) == sorted(str(channel) for channel in named)
    dotted = [line.get_xdata()[0] for line in first.lines if line.get_linestyle() == ":"]
    assert sorted(dotted) == sorted(named)


def test_more_channels_than_there_is_room_for_have_neither_line_nor_number():
    figure = mean_relevance_figure(CHANNELS, MEAN, range(200))
    assert overlaps(figure) == []
    first = figure.axes[1]
    numbers = [int(text.get_text()) for text in first.texts if text.get_text().isdigit()]
    assert 20 < len(numbers) < 200
    assert sorted(numbers) == list(range(len(numbers)))  # the first that were named
    assert len([line for line in first.lines if line.get_linestyle() == ":"]) == len(numbers)


def test_the_axis_is_one_of_ranks():
    text = text_of(mean_relevance_figure(CHANNELS, MEAN, (5,)))
    assert "rank of the feature channel by ID mean, all 512" in text and "numbers above: channels" in text
    assert "relevance (parts of 1)" in text
    assert "numbers above" not in text_of(mean_relevance_figure(CHANNELS, MEAN))
