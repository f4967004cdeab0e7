"""In which order channels are drawn."""

import numpy as np
import pytest
import torch

from nero_core.figures.channel_sort import Sort, channel_order, least_relevant_first
from nero_core.types import Channels

CHANNELS = Channels(
    relevance=torch.tensor([0.1, -0.4, 0.3, 0.1]).double(),
    centroids=torch.zeros(2, 4).double(),
    nearest=0,
    contribution=torch.tensor([0.0, 2.0, 0.0, -1.0]).double(),
)


@pytest.mark.parametrize(
    ("sort", "expected"), [("contribution", [1, 0, 2, 3]), ("relevance", [2, 0, 3, 1]), ("channel", [0, 1, 2, 3])]
)
def test_the_largest_come_first_signed_and_equals_by_their_number(sort: Sort, expected: list[int]):
    assert channel_order(CHANNELS, sort).tolist() == expected


def test_the_least_relevant_come_first_with_their_absolute_activation():
    order, activation = least_relevant_first(torch.tensor([-1.0, 2.0, -3.0, 4.0]), CHANNELS.relevance)
    assert order.tolist() == [1, 0, 3, 2]
    np.testing.assert_array_equal(activation, [2.0, 1.0, 4.0, 3.0])
