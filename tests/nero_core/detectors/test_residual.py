"""Residual: the length of what lies outside the principal space, against the published formula in NumPy."""

import numpy as np
import pytest
import torch
from pytorch_ood.detector import ViM
from torch import Tensor

from nero_core.detectors.residual import Residual
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 4, 16, 80


@pytest.fixture
def head() -> Head:
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(CLASSES, NEURONS, generator=generator).double()
    return Head(weight, torch.randn(CLASSES, generator=generator).double())


def made(images: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(0, -2, NEURONS).double()
    return torch.randn(images, NEURONS, generator=generator).double() * scale, torch.arange(images) % CLASSES


def published(head: Head, fit: Tensor, x: Tensor, dimension: int) -> np.ndarray:
    """Every eigenvector but the first, from the full covariance about the origin of the logits."""
    origin = -np.linalg.pinv(head.weight.numpy()) @ head.bias.numpy()
    centred = fit.numpy() - origin
    values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    outside = vectors[:, np.argsort(-values)[dimension:]]
    return np.linalg.norm((x.numpy() - origin) @ outside, axis=-1)


@pytest.mark.parametrize("dimension", [0, 1, 5, NEURONS - 1])
def test_it_is_the_published_formula(head: Head, dimension: int) -> None:
    (fit, labels), x = made(IMAGES, 2), made(20, 3)[0]
    scores = Residual(head, dimension).fit_features(fit, labels).predict_features(x)
    np.testing.assert_allclose(scores.numpy(), published(head, fit, x, dimension), rtol=1e-9)


def test_it_is_the_residual_of_the_librarys_vim(head: Head) -> None:
    (fit, labels), x = made(IMAGES, 2), made(20, 3)[0]
    vim = ViM(None, d=6, w=head.weight, b=head.bias).fit_features(fit, labels)
    energy = torch.logsumexp(head.logits(x), dim=1)
    theirs = (vim.predict_features(x) + energy) / vim.alpha
    ours = Residual(head, 6).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("neurons", "dimension"), [(192, 96), (512, 256), (768, 512), (1280, 512)])
def test_by_default_the_space_is_that_of_vim(neurons: int, dimension: int) -> None:
    head = Head(torch.randn(2, neurons), torch.zeros(2))
    assert Residual(head).fitted_settings == {"dimension": dimension}


def test_fit_images_of_few_dimensions_have_no_residual_and_others_have(head: Head) -> None:
    fit, labels = made(4, 2)
    detector = Residual(head, 8).fit_features(fit, labels)
    assert detector.fitted_settings == {"dimension": 4}
    assert float(detector.predict_features(fit).max()) < 1e-9
    assert float(detector.predict_features(made(20, 3)[0]).min()) > 1e-3


@pytest.mark.parametrize("dimension", [-1, NEURONS])
def test_a_space_that_leaves_nothing_outside_is_refused(head: Head, dimension: int) -> None:
    with pytest.raises(CalibrationError, match=f"0 to {NEURONS - 1} of {NEURONS} dimensions. Found {dimension}"):
        Residual(head, dimension)
