"""Nearest neighbours against all differences written out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nero_core.detectors import neighbours
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


def wide(rows: int, seed: int) -> Tensor:
    """Rows whose lengths differ by thirty powers of ten, some of them twice, and rows of 0."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 64, generator=generator, dtype=torch.float64)
    x *= 10.0 ** torch.randint(-30, 1, (rows, 1), generator=generator)
    x[: rows // 8] = x[-(rows // 8) :]
    x[rows // 8 : rows // 8 + 3] = 0
    return x


def crowded(rows: int, seed: int) -> Tensor:
    """Unit vectors so near one another that float32 tells few of them apart."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.ones(rows, 64, dtype=torch.float64) + 1e-4 * torch.randn(rows, 64, generator=generator).double()
    return x / torch.linalg.vector_norm(x, dim=1, keepdim=True)


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("drawn", [wide, crowded, lambda rows, seed: 1e100 * wide(rows, seed)])
def test_the_screen_in_float32_changes_no_distance(
    drawn: Callable[[int, int], Tensor], k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = drawn(300, 0)
    queries = torch.cat([drawn(200, 1), bank[:50]])
    screened = neighbour_distance(queries, bank, k)
    monkeypatch.setattr(neighbours, "_has_exact_float32", lambda queries: False)
    exact = neighbour_distance(queries, bank, k)
    torch.testing.assert_close(screened, exact, rtol=1e-12, atol=1e-16 * float(exact.max()))


def test_where_products_have_fewer_bits_than_float32_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = made(3, 0)
    assert neighbours._has_exact_float32(queries)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    assert not neighbours._has_exact_float32(queries)
