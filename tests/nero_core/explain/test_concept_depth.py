"""Where a channel lies in the image, how ID classes use it, what it is used with."""

import numpy as np
import pytest
import torch

from nero_core.explain.concept_depth import class_distribution, co_used, nonzero_channels, receptive_crop
from nero_core.figures.render import smooth
from nero_core.types import UpstreamChannels


def test_the_crop_holds_all_and_only_rows_and_columns_above_the_share():
    generator = torch.Generator().manual_seed(3)
    heatmap = torch.zeros(224, 224)
    heatmap[60:90, 100:120] = torch.randn(30, 20, generator=generator)
    strength = np.abs(smooth(heatmap, 12.0))
    for share in (0.1, 0.5, 0.9):
        top, left, bottom, right = receptive_crop(heatmap, 12.0, share)
        strong = strength > share * strength.max()
        assert strong[top:bottom, left:right].sum() == strong.sum() > 0
        assert strong[top].any() and strong[bottom - 1].any() and strong[:, left].any() and strong[:, right - 1].any()


@pytest.mark.parametrize("sigma", [6.0, 12.0])
def test_a_single_spot_is_cropped_where_the_blur_falls_below_half(sigma: float):
    heatmap = torch.zeros(224, 224)
    heatmap[100, 50] = 2.0
    reach = int(np.floor(sigma * np.sqrt(2 * np.log(2))))  # of a Gaussian
    assert receptive_crop(heatmap, sigma) == (100 - reach, 50 - reach, 101 + reach, 51 + reach)


def test_the_crop_follows_relevance_against_the_class_too():
    heatmap = torch.randn(64, 48)
    assert receptive_crop(-heatmap, 12.0) == receptive_crop(heatmap, 12.0)


def test_the_crop_of_a_heatmap_of_zero_is_the_whole_map():
    assert receptive_crop(torch.zeros(64, 48), 12.0) == (0, 0, 64, 48)


def test_the_class_distribution_holds_each_image_once():
    relevance, labels = torch.randn(40, dtype=torch.float64), torch.arange(40) % 3
    distribution = class_distribution(relevance, labels, 4)
    assert [len(values) for values in distribution] == [14, 13, 13, 0]
    assert torch.equal(torch.cat(distribution).sort().values, relevance.sort().values)
    assert torch.equal(distribution[1], relevance[1::3])


def test_co_use_is_pearsons_correlation_strongest_first():
    generator = torch.Generator().manual_seed(0)
    relevance = torch.randn(30, 12, generator=generator, dtype=torch.float64)
    relevance[:, 4] = 3 - 2 * relevance[:, 7]
    relevance[:, 9] = relevance[:, 7] + 0.3 * relevance[:, 9]
    correlations = co_used(relevance, 7, count=5)
    wanted = np.corrcoef(relevance.T.numpy())[7]
    assert (
        len(correlations) == 5
        and correlations[0][0] == 4
        and correlations[0][1] == pytest.approx(-1)
        and correlations[1][0] == 9
    )
    assert [abs(value) for _, value in correlations] == sorted((abs(value) for _, value in correlations), reverse=True)
    for channel, value in correlations:
        assert value == pytest.approx(wanted[channel]) and channel != 7
    others = sorted((abs(wanted[channel]) for channel in range(12) if channel != 7), reverse=True)
    assert [abs(value) for _, value in correlations] == pytest.approx(others[:5])


def test_channels_that_never_vary_have_no_correlation():
    relevance = torch.randn(20, 5, dtype=torch.float64)
    relevance[:, 1] = 0
    relevance[:, 2] = 0.1  # constant, though its mean is rounded
    assert {channel for channel, _ in co_used(relevance, 0)} == {3, 4}
    assert co_used(relevance, 1) == co_used(relevance, 2) == ()
    assert co_used(relevance[:1], 0) == ()


def test_channels_that_nothing_reaches_feed_nothing():
    maps = torch.randn(3, 4, 4)
    left = nonzero_channels(UpstreamChannels("layer3", (5, 2, 9), (0.5, -0.25, 0.0), maps))
    assert (left.channels, left.relevance) == ((5, 2), (0.5, -0.25)) and torch.equal(left.heatmaps, maps[:2])
    none = nonzero_channels(UpstreamChannels("layer3", (5,), (0.0,), maps[:1]))
    assert none.channels == () and none.heatmaps.shape == (0, 4, 4)
