"""Noisy linear imputation: cases with a known solution, the paper's equations solved exactly, and its laws."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve
from torch import Tensor

from nero_core.explain import imputation
from nero_core.explain.imputation import IMPUTATIONS, NEIGHBOURS, NOISE, by_noisy_linear

SIDE = 64


@pytest.fixture
def no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imputation, "NOISE", 0.0)


def without(*boxes: tuple[slice, slice]) -> Tensor:
    """Which pixels are there: all but those in the boxes."""
    present = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    for box in boxes:
        present[(0, *box)] = False
    return present


def ramp() -> Tensor:
    """Each colour rises evenly across the image, in a direction of its own: its own mean everywhere."""
    across, down = torch.meshgrid(torch.linspace(0, 1, SIDE), torch.linspace(0, 1, SIDE), indexing="ij")
    return torch.stack([across, down, 0.5 * across + 0.3 * down])[None]


def solved(pixels: Tensor, present: Tensor) -> Tensor:
    """The paper's equations, one for each missing pixel, by a sparse factorisation in float64."""
    values, known = pixels[0].double().numpy(), present[0].numpy()
    place = np.cumsum(~known).reshape(known.shape) - 1
    rows, columns, entries = [], [], []
    right = np.zeros((int((~known).sum()), 3))
    for row, column in zip(*np.nonzero(~known), strict=True):
        around = [
            (row + down, column + across, NEIGHBOURS[down + 1][across + 1])
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
            if (down, across) != (0, 0) and 0 <= row + down < SIDE and 0 <= column + across < SIDE
        ]
        whole = sum(weight for *_, weight in around)
        rows.append(place[row, column])
        columns.append(place[row, column])
        entries.append(1.0)
        for there, across, weight in around:
            if known[there, across]:
                right[place[row, column]] += weight / whole * values[:, there, across]
            else:
                rows.append(place[row, column])
                columns.append(place[there, across])
                entries.append(-weight / whole)
    filled = values.copy()
    filled[:, ~known] = spsolve(coo_array((entries, (rows, columns))).tocsr(), right).T
    return torch.from_numpy(filled)[None].float()


@pytest.mark.usefixtures("no_noise")
def test_what_is_missing_in_an_even_ramp_is_the_ramp() -> None:
    present = without((slice(16, 32), slice(16, 32)), (slice(40, 48), slice(8, 56)))
    torch.testing.assert_close(by_noisy_linear(ramp(), 14, 0)(present), ramp(), atol=0.01, rtol=0)


@pytest.mark.usefixtures("no_noise")
def test_more_steps_come_to_the_exact_solution_and_the_usual_ones_near_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    pixels = 0.8 * ramp() + 0.2 * pixels
    present = without((slice(0, 16), slice(0, 32)), (slice(24, 48), slice(24, 56)), (slice(60, 64), slice(0, 64)))
    expected = solved(pixels, present)
    usual = by_noisy_linear(pixels, 14, 0)(present)
    assert float((usual - expected)[:, :, ~present[0]].abs().mean()) < NOISE
    filled = imputation._filled(pixels, present[:, None], pixels.mean(dim=(2, 3), keepdim=True), steps=200)
    torch.testing.assert_close(filled, expected, atol=1e-3, rtol=0)


@pytest.mark.usefixtures("no_noise")
def test_an_image_of_which_nothing_is_left_is_its_mean_colour() -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    filled = by_noisy_linear(pixels, 14, 0)(torch.zeros(1, SIDE, SIDE, dtype=torch.bool))
    torch.testing.assert_close(filled, pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels), atol=1e-4, rtol=0)


def test_what_is_there_stays_and_what_is_missing_is_filled_with_little_noise() -> None:
    pixels, present = ramp(), without((slice(16, 48), slice(16, 48)))
    filled = by_noisy_linear(pixels, 14, 3)(present)
    assert torch.equal(filled[:, :, present[0]], pixels[:, :, present[0]])
    noise = (filled - pixels)[:, :, ~present[0]]
    assert float(noise.std()) == pytest.approx(NOISE, rel=0.2)
    assert torch.equal(filled, by_noisy_linear(pixels, 14, 3)(present))
    assert not torch.equal(filled, by_noisy_linear(pixels, 14, 4)(present))


@pytest.mark.parametrize("name", list(IMPUTATIONS))
@pytest.mark.parametrize("size", [(64, 64), (50, 81)])
def test_every_imputation_fills_each_image_of_a_batch_by_itself(name: str, size: tuple[int, int]) -> None:
    pixels = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(2))
    present = torch.rand(3, *size, generator=torch.Generator().manual_seed(5)) < torch.tensor([0.2, 0.5, 0.9])[
        :, None, None
    ]  # fmt: skip
    impute = IMPUTATIONS[name](pixels, 14, 0)
    together = impute(present)
    assert bool(together.isfinite().all())
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], impute(present[row : row + 1]), atol=1e-5, rtol=0)
        assert torch.equal(together[row][:, present[row]], pixels[0][:, present[row]])
