"""What part of the relevance axis is drawn."""

import torch
from torch import Tensor

from nero_core.figures import relevance_domain
from nero_core.types import ChannelReferences, ChannelSummary

NONE = ChannelReferences(4, "relevance", (), (), (), None)


def summary(*classes: Tensor) -> ChannelSummary:
    return ChannelSummary(4, NONE, NONE, classes, torch.zeros(len(classes)), ())


def test_values_that_lie_together_are_drawn_whole_with_0_and_the_marked_ones():
    low, high = relevance_domain([summary(torch.tensor([0.1, 0.2]).double(), torch.tensor([0.4]).double())], [-0.3])
    assert -0.4 < low < -0.3 and 0.4 < high < 0.5


def test_one_image_far_out_squeezes_no_other_unless_it_is_this_one():
    far = summary(torch.linspace(-0.1, 0.1, 150).double(), torch.tensor([*[0.05] * 149, 40.0, -30.0]).double())
    low, high = relevance_domain([far], [0.7])
    assert -0.2 < low < -0.09 and 0.7 < high < 0.8
    low, high = relevance_domain([far], [45.0, -35.0])
    assert low < -35 and high > 45


def test_the_range_of_a_channel_that_nobody_uses_is_not_empty():
    low, high = relevance_domain([summary(torch.zeros(3))])
    assert low < 0 < high


def test_a_class_without_images_is_no_error():
    assert relevance_domain([summary(torch.zeros(0), torch.ones(3))])[1] > 1
