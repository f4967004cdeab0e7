"""GradNorm's closed form against pytorch-ood's automatic differentiation."""

import pytest
import torch
from pytorch_ood.detector import GradNorm as LibraryGradNorm

from nero_core.detectors.gradnorm import GradNorm
from nero_core.errors import CalibrationError
from nero_core.types import Head


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_scores_equal_pytorch_oods(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(13, 5, dtype=torch.float64)
    x = torch.randn(40, 13, generator=generator, dtype=torch.float64)
    library = LibraryGradNorm(linear, param_filter=lambda name: name == "weight", temperature=temperature)
    head = Head(linear.weight.detach(), linear.bias.detach())
    torch.testing.assert_close(
        GradNorm(head, temperature).predict_features(x), library.predict(x), rtol=1e-10, atol=1e-12
    )


def test_a_temperature_of_0_is_refused() -> None:
    with pytest.raises(CalibrationError, match="temperature"):
        GradNorm(Head(torch.ones(2, 3), torch.zeros(2)), temperature=0.0)
