"""Heatmaps are shown blurred by a Gaussian that keeps their sum."""

import numpy as np
import pytest
import torch

from nero_core.relevance.heatmap import SMOOTHING
from nero_core.relevance.smoothing import smooth


def dense(length: int, sigma: float, reach: int) -> np.ndarray:
    """The blur along one side as a matrix: exp(−d²/2σ²) over the steps d, its sum 1, pixels mirrored at both ends."""
    matrix = np.zeros((length, length))
    weights = {step: np.exp(-(step**2) / (2 * sigma**2)) for step in range(-reach, reach + 1)}
    for here in range(length):
        for step, weight in weights.items():
            there = (here + step) % (2 * length)  # … 2 1 0 | 0 1 2 … n−1 | n−1 n−2 …
            matrix[here, there if there < length else 2 * length - 1 - there] += weight / sum(weights.values())
    return matrix


@pytest.mark.parametrize(
    ("height", "width", "sigma"),
    [(56, 56, 12.0), (56, 40, 6.0), (30, 30, 0.5), (7, 90, 12.0), (1, 5, 12.0), (9, 8, 0.1)],
)
def test_it_is_the_formula_mirrored_and_cut_at_three_deviations(height: int, width: int, sigma: float) -> None:
    heatmap = np.random.default_rng(0).normal(size=(height, width)).astype(np.float32)
    reach = min(round(3 * sigma), height, width)
    wanted = dense(height, sigma, reach) @ heatmap.astype(np.float64) @ dense(width, sigma, reach).T
    shown = smooth(heatmap, sigma)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, wanted, rtol=0, atol=1e-6 * float(np.abs(wanted).max()))


def test_a_tensor_is_smoothed_like_an_array() -> None:
    heatmap = torch.rand(20, 30, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(smooth(heatmap, 3.0), smooth(heatmap.numpy(), 3.0))


def test_the_map_that_is_given_stays_as_it_is() -> None:
    heatmap = np.eye(30, dtype=np.float32)
    smooth(heatmap, 2.0)
    assert np.array_equal(heatmap, np.eye(30, dtype=np.float32))


@pytest.mark.parametrize("step", [8, 16, 32])
def test_smoothing_keeps_the_sum_and_hides_the_grid_that_it_is_made_for(step: int) -> None:
    grid = np.zeros((224, 224), dtype=np.float32)
    grid[step // 2 :: step, step // 2 :: step] = 1.0
    shown = smooth(grid, SMOOTHING * step)
    assert float(shown.sum()) == pytest.approx(float(grid.sum()), rel=1e-4)
    inside = shown[48:-48, 48:-48]
    assert float(inside.max()) < 1.8 * float(inside.min())  # ((1 + m) / (1 − m))², m = 2·exp(−2π²·(3/8)²)


def test_smoothing_with_no_width_changes_nothing() -> None:
    heatmap = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    assert np.array_equal(smooth(heatmap, sigma=0.0), heatmap)


def test_smoothing_by_less_keeps_two_patches_apart() -> None:
    patches = np.zeros((224, 224), dtype=np.float32)
    patches[96:112, 80:96] = patches[96:112, 112:128] = 1.0  # two patches of a ViT/16, one empty between
    depths = {}
    for sigma in (SMOOTHING * 16, SMOOTHING * 32):
        row = smooth(patches, sigma)[104]
        depths[sigma] = float(row[104] / row[80:128].max())
    assert depths[6.0] < 0.3 and depths[12.0] > 0.8  # of the peaks, half way between them
