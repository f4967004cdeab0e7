"""Nearest neighbours against all differences written out."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.neighbours import neighbour_distance


def made(rows: int, seed: int) -> Tensor:
    return torch.randn(rows, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 13, 40])
@pytest.mark.parametrize("chunk", [1, 100, 10**6])
def test_it_equals_the_sorted_differences(k: int, chunk: int) -> None:
    queries, bank = made(21, 0), made(40, 1)
    expected = (queries[:, None] - bank[None]).square().sum(dim=2).sqrt().sort(dim=1).values[:, k - 1]
    torch.testing.assert_close(neighbour_distance(queries, bank, k, chunk), expected, rtol=1e-13, atol=0)


def test_a_row_of_the_bank_is_at_distance_0() -> None:
    bank = made(40, 1) * 1e6
    assert torch.equal(neighbour_distance(bank, bank), torch.zeros(40, dtype=torch.float64))


def test_close_neighbours_far_from_the_origin_keep_their_digits() -> None:
    bank = made(5, 2) + 1e3
    near = bank + 1e-6
    torch.testing.assert_close(
        neighbour_distance(near, bank), torch.full((5,), 3e-6, dtype=torch.float64), rtol=1e-6, atol=0
    )
