"""What is kept of a heatmap is what the screen shows of it, at fewer cells."""

import numpy as np
import pytest
import torch

from nero_core.figures.render import smooth
from nero_core.relevance.coarse import CELLS, coarse, from_steps, to_steps


@pytest.mark.parametrize("sigma", [6.0, 12.0])
def test_it_is_the_screens_smoothing_summed_over_patches(sigma: float):
    maps = torch.randn(2, 224, 224, dtype=torch.float64)
    wanted = [smooth(heatmap.numpy(), sigma).reshape(CELLS, 14, CELLS, 14).sum(axis=(1, 3)) for heatmap in maps]
    np.testing.assert_allclose(coarse(maps, sigma), np.stack(wanted), atol=2e-4)


@pytest.mark.parametrize("size", [(224, 224), (97, 130), (64, 16), (10, 33)])
@pytest.mark.parametrize("sigma", [0.0, 12.0])
def test_the_sum_of_a_map_stays_at_any_size(size: tuple[int, int], sigma: float):
    maps = torch.randn(3, *size)
    small = coarse(maps, sigma=sigma)
    assert small.shape == (3, CELLS, CELLS)
    torch.testing.assert_close(small.sum(dim=(1, 2)), maps.double().sum(dim=(1, 2)), rtol=0, atol=1e-9)


def test_a_pixel_between_two_patches_is_shared_out_by_area():
    maps = torch.zeros(1, 24, 16)
    maps[0, 1, 3] = 1.0  # a patch is 1.5 pixels high
    small = coarse(maps, sigma=0.0)[0]
    assert small[0, 3] == 0.5 and small[1, 3] == 0.5 and small.abs().sum() == 1


def test_it_is_linear():
    first, second = torch.randn(2, 1, 50, 60, dtype=torch.float64)
    torch.testing.assert_close(coarse(2 * first - second, 12.0), 2 * coarse(first, 12.0) - coarse(second, 12.0))


def test_a_heatmap_in_steps_is_off_by_less_than_a_step_and_its_sum_by_half_a_step():
    maps = torch.randn(50, 3, 16, 16) * torch.rand(50, 3, 1, 1).mul(20).exp()
    steps, scales = to_steps(maps)
    again = from_steps(steps, scales)
    assert steps.dtype is torch.int8 and steps.abs().max() <= 127
    assert bool(((again - maps).abs().amax(dim=(-1, -2)) < scales * 1.001).all())
    lost = again.double().sum(dim=(-1, -2)) - maps.double().sum(dim=(-1, -2))
    assert bool((lost.abs() <= 0.501 * scales).all())
    torch.testing.assert_close(scales, maps.abs().amax(dim=(-1, -2)) / 126)


def test_a_heatmap_of_zero_stays_zero_and_one_of_one_sign_is_kept():
    assert not from_steps(*to_steps(torch.zeros(2, 16, 16))).any()
    for sign in (1, -1):
        flat = torch.full((1, 16, 16), sign * 0.7)
        torch.testing.assert_close(from_steps(*to_steps(flat)), flat, rtol=0, atol=0.7 / 126)
