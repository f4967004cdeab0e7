"""Percentiles as numpy has them."""

import numpy as np
import pytest
import torch

from nero_core.detectors.order import percentile, selected_percentile


@pytest.mark.parametrize("percent", [0.0, 0.5, 10.0, 33.3, 50.0, 90.0, 99.9, 100.0])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_it_equals_numpys(percent: float, size: int) -> None:
    values = torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    expected = pytest.approx(np.percentile(values.numpy(), percent), rel=1e-15)
    assert float(percentile(values, percent)) == expected
    assert float(selected_percentile(values, percent)) == expected


def test_ties_are_one_value() -> None:
    assert float(percentile(torch.tensor([1.0, 1.0, 1.0, 5.0]), 50.0)) == 1


def test_each_row_has_its_own() -> None:
    values = torch.randn(4, 33, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.from_numpy(np.percentile(values.numpy(), 90, axis=1))
    for percentiles in (percentile(values, 90.0), selected_percentile(values, 90.0)):
        torch.testing.assert_close(percentiles, expected, rtol=1e-15, atol=0)
