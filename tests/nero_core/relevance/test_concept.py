"""Concepts of zennit-crp for channels of tokens: the laws of its own `ChannelConcept`, on the other axis."""

import pytest
import torch
from crp.concepts import ChannelConcept

from nero_core.relevance.concept import TokenChannelConcept

RELEVANCE = torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(0))  # batch tokens channels
AS_MAPS = RELEVANCE.transpose(1, 2)[..., None]  # batch channels height width


def test_a_mask_keeps_channels_of_one_row_over_all_tokens() -> None:
    masked = TokenChannelConcept.mask(2, [1, 6])(RELEVANCE.clone())
    expected = ChannelConcept.mask(2, [1, 6])(AS_MAPS.clone())[..., 0].transpose(1, 2)
    assert torch.equal(masked, expected)
    assert not masked[2, :, [0, 2, 3, 4, 5]].any() and torch.equal(masked[1], RELEVANCE[1])


def test_a_mask_works_on_the_pooled_token_too() -> None:
    masked = TokenChannelConcept.mask(0, [3])(RELEVANCE[:, 0].clone())
    assert masked[0].nonzero().flatten().tolist() == [3] and torch.equal(masked[1:], RELEVANCE[1:, 0])


@pytest.mark.parametrize("normalised", [True, False])
def test_channels_are_summed_over_tokens_as_over_space(normalised: bool) -> None:
    channel_sums = TokenChannelConcept().attribute(RELEVANCE, abs_norm=normalised)
    torch.testing.assert_close(channel_sums, ChannelConcept().attribute(AS_MAPS.contiguous(), abs_norm=normalised))
