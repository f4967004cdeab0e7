"""MDSEns: the sum of Mahalanobis distances over the stages, as pytorch-ood and a plain loop compute it."""

import pytest
import torch
from pytorch_ood.api import RequiresFittingException
from pytorch_ood.detector import MultiMahalanobis
from torch import Tensor

from nero_core.detectors.mds_ensemble import MDSEnsemble
from nero_core.errors import CalibrationError
from nero_core.types import Head

STAGES = {"layer2": 6, "layer3": 10}
WIDTHS = {**STAGES, "features": 12}
CLASSES, IMAGES = 3, 90


@pytest.fixture
def head() -> Head:
    generator = torch.Generator().manual_seed(1)
    return Head(torch.randn(CLASSES, 12, generator=generator).double(), torch.zeros(CLASSES).double())


def made(images: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    centres = 1 + torch.rand(CLASSES, sum(WIDTHS.values()), generator=torch.Generator().manual_seed(0)).double()
    return centres[labels] + 0.3 * torch.randn(images, sum(WIDTHS.values()), generator=generator).double(), labels


def plain(fit: Tensor, labels: Tensor, x: Tensor, weights: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Tensor:
    """By the formula, an image and a class at a time."""
    scores = []
    for image in x:
        total = 0.0
        begin = 0
        for weight, width in zip(weights, WIDTHS.values(), strict=True):
            bank, part = fit[:, begin : begin + width], image[begin : begin + width]
            begin += width
            means = [bank[labels == label].mean(dim=0) for label in range(CLASSES)]
            within = torch.stack([row - means[int(label)] for row, label in zip(bank, labels, strict=True)])
            inverse = torch.linalg.inv(within.T @ within / len(bank))
            total += weight * min(float((part - mean) @ inverse @ (part - mean)) for mean in means) / 2
        scores.append(total)
    return torch.tensor(scores, dtype=torch.float64)


def test_it_is_the_formula(head: Head) -> None:
    fit, labels = made(IMAGES, 2)
    x = made(12, 3)[0]
    scores = MDSEnsemble(head, STAGES).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(scores, plain(fit, labels, x))


def test_the_weights_are_those_of_the_stages_in_their_order(head: Head) -> None:
    fit, labels = made(IMAGES, 2)
    x, weights = made(12, 3)[0], (0.5, 2.0, 0.0)
    scores = MDSEnsemble(head, STAGES, weights).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(scores, plain(fit, labels, x, weights))


def test_it_is_the_librarys_score(head: Head) -> None:
    """pytorch-ood inverts the sum of the scatter, and we their mean: n times the distance."""
    fit, labels = made(IMAGES, 2)
    x = made(12, 3)[0]
    widths = list(WIDTHS.values())
    library = MultiMahalanobis([torch.nn.Identity() for _ in widths])
    library.fit_structured([part.float() for part in fit.split(widths, dim=1)], labels)
    theirs = library.predict_structured([part.float() for part in x.split(widths, dim=1)])
    ours = MDSEnsemble(head, STAGES).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(ours / IMAGES, theirs.double(), rtol=1e-4, atol=1e-6)


def test_the_settings_name_the_stages(head: Head) -> None:
    assert MDSEnsemble(head, STAGES).fitted_settings == {"weights": "layer2 1, layer3 1, features 1"}


def test_what_is_unlike_at_an_early_stage_alone_shows(head: Head) -> None:
    detector = MDSEnsemble(head, STAGES).fit_features(*made(IMAGES, 2))
    usual = made(30, 3)[0]
    moved = usual.clone()
    moved[:, :6] += 3
    assert float(detector.predict_features(moved).min()) > float(detector.predict_features(usual).max())


def test_fewer_images_than_channels_leave_out_directions_that_do_not_vary(head: Head) -> None:
    fit, labels = made(9, 2)
    scores = MDSEnsemble(head, STAGES).fit_features(fit, labels).predict_features(fit)
    assert bool((scores >= 0).all()) and float(scores.max()) < 100


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1.0, float("nan"))])
def test_weights_that_do_not_fit_are_refused(head: Head, weights: tuple[float, ...]) -> None:
    with pytest.raises(CalibrationError, match=r"one finite weight for each of 3 stages \(layer2, layer3, features\)"):
        MDSEnsemble(head, STAGES, weights)


def test_a_stage_that_does_not_vary_is_named(head: Head) -> None:
    fit, labels = made(IMAGES, 2)
    fit[:, :6] = 1
    with pytest.raises(CalibrationError, match="differ at layer2"):
        MDSEnsemble(head, STAGES).fit_features(fit, labels)


def test_it_does_not_score_before_a_fit(head: Head) -> None:
    with pytest.raises(RequiresFittingException):
        MDSEnsemble(head, STAGES).predict_features(made(3, 3)[0])
