"""Counts and percentiles of products that are never made, against the products themselves."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nero_core.detectors import sorted_weights
from nero_core.detectors.sorted_weights import SortedWeights

CLASSES, NEURONS, ROWS = 70, 90, 12


def weights(kind: str) -> Tensor:
    weight = torch.randn(CLASSES, NEURONS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return {
        "smooth": weight,
        "many equal": weight.mul(2).round(),
        "half of them 0": weight.relu(),
        "all": weight * 0 + 3,
    }[kind]


def sizes() -> Tensor:
    """Some of them 0, as of a neuron that never fires, over many orders of magnitude."""
    generator = torch.Generator().manual_seed(1)
    size = torch.randn(ROWS, NEURONS, generator=generator, dtype=torch.float64).mul(3).exp()
    return size * (torch.rand(ROWS, NEURONS, generator=generator) > 0.2)


KINDS = ["smooth", "many equal", "half of them 0", "all"]


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_rounded_products_also_at_a_product_itself(kind: str) -> None:
    weight, size = weights(kind), sizes()
    products = size[:, None, :] * weight
    for place in (0, 17, 40, 5999, -1):
        bounds = products.flatten(1)[:, place]
        expected = (products <= bounds[:, None, None]).sum(dim=1)
        assert torch.equal(SortedWeights(weight).at_most(size, bounds), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("percent", [0.0, 10.0, 33.3, 50.0, 90.0, 99.99])
@pytest.mark.parametrize("at_once", [64, 100_000])
def test_percentiles_are_numpys(monkeypatch: pytest.MonkeyPatch, kind: str, percent: float, at_once: int) -> None:
    monkeypatch.setattr(sorted_weights, "_AT_ONCE", at_once)
    weight, size = weights(kind), sizes()
    expected = np.percentile((size[:, None, :] * weight).flatten(1).numpy(), percent, axis=1)
    actual = SortedWeights(weight).percentiles(size, percent)
    assert torch.equal(actual, torch.from_numpy(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_product_is_that_of_a_masked_matrix(kind: str) -> None:
    weight = weights(kind)
    generator = torch.Generator().manual_seed(2)
    starts = torch.randint(0, CLASSES // 2, (NEURONS,), generator=generator)
    ends = starts + torch.randint(0, CLASSES // 2, (NEURONS,), generator=generator)
    x = torch.randn(5, NEURONS, generator=generator, dtype=torch.float64)
    ordered = SortedWeights(weight)
    ranks = torch.empty_like(ordered.order)
    ranks.scatter_(1, ordered.order, torch.arange(CLASSES).expand(NEURONS, CLASSES))
    mask = (ranks >= starts[:, None]) & (ranks < ends[:, None])
    torch.testing.assert_close(ordered.part_of_product(x, starts, ends), x @ (weight * mask.T).T)


def test_few_products_are_made_where_weights_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_weights, "_AT_ONCE", 200)
    monkeypatch.setattr(sorted_weights, "percentile", lambda *_: pytest.fail("All products were made."))
    SortedWeights(weights("smooth")).percentiles(sizes(), 90.0)
