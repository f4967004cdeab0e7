"""GROOD against automatic differentiation, and where its OOD prototype comes from."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nero_core.detectors.grood import GROOD
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 4, 11, 80


@pytest.fixture
def labels(head: Head, features: Tensor) -> Tensor:
    """The head's own predictions, every seventh of them wrong."""
    predicted = head.logits(features).argmax(dim=1)
    predicted[::7] = (predicted[::7] + 1) % CLASSES
    return predicted


def gradient_by_autograd(a: Tensor, prototypes: Tensor, ood: Tensor, predicted: int) -> Tensor:
    """Gradient at ``ood`` of the cross-entropy of −distances against the prediction."""
    point = ood.clone().requires_grad_()
    distance = torch.stack([(a - p).square().sum().sqrt() for p in [*prototypes, point]])
    loss = functional.cross_entropy(-distance[None], torch.tensor([predicted]))
    (gradient,) = torch.autograd.grad(loss, point)
    return gradient


@pytest.mark.parametrize("synthesis", ["given", "mixup"])
def test_scores_equal_a_replica_by_autograd(head: Head, features: Tensor, labels: Tensor, synthesis: str) -> None:
    prototype = torch.full((NEURONS,), 0.2) if synthesis == "given" else None
    detector = GROOD(head, ood_prototype=prototype).fit_features(features, labels)
    fit, probe = features.double(), torch.randn(20, NEURONS, generator=torch.Generator().manual_seed(2)).double()
    prototypes = torch.stack([fit[labels == c].mean(dim=0) for c in range(CLASSES)])
    logits = head.logits(fit)
    if prototype is None:
        second = logits.argsort(dim=1)[:, -2]
        ood = torch.stack([0.9 * a + 0.1 * prototypes[c] for a, c in zip(fit, second, strict=True)]).mean(dim=0)
    else:
        ood = prototype.double()
    bank = torch.stack(
        [
            gradient_by_autograd(a, prototypes, ood, int(label))
            for a, label, predicted in zip(fit, labels, logits.argmax(dim=1), strict=True)
            if label == predicted
        ]
    )
    own = torch.stack([gradient_by_autograd(a, prototypes, ood, int(head.logits(a[None]).argmax())) for a in probe])
    expected = (own[:, None] - bank[None]).square().sum(dim=2).amin(dim=1)
    torch.testing.assert_close(detector.predict_features(probe), expected, rtol=1e-9, atol=1e-15)
    assert detector.prototype_from == synthesis


def test_an_image_of_the_bank_scores_0(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = GROOD(head).fit_features(features, labels)
    correct = head.logits(features).argmax(dim=1) == labels
    assert float(detector.predict_features(features[correct]).max()) < 1e-24


def test_noise_keeps_the_tenth_with_the_lowest_logsumexp(head: Head, features: Tensor, labels: Tensor) -> None:
    noise = torch.randn(37, NEURONS, generator=torch.Generator().manual_seed(3))
    detector = GROOD(head, synthesis="noise", noise_features=noise).fit_features(features, labels)
    energy = [float(head.logits(row.double()[None]).logsumexp(dim=1)) for row in noise]
    lowest = sorted(range(37), key=lambda i: energy[i])[:4]
    torch.testing.assert_close(detector.ood_prototype, noise[lowest].double().mean(dim=0))
    assert detector.prototype_from == "noise"


def test_a_feature_at_the_ood_prototype_has_no_gradient(head: Head, features: Tensor, labels: Tensor) -> None:
    prototype = torch.full((NEURONS,), 0.2)
    detector = GROOD(head, ood_prototype=prototype).fit_features(features, labels)
    assert bool(detector.predict_features(prototype[None]).isfinite().all())


def test_noise_without_its_features_is_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match="noise_features"):
        GROOD(head, synthesis="noise")


def test_a_prototype_of_another_width_is_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match="11"):
        GROOD(head, ood_prototype=torch.zeros(NEURONS + 1))


@pytest.mark.usefixtures("shapes_unchecked")
def test_an_unknown_synthesis_and_a_share_out_of_range_are_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match="mixup or noise"):
        GROOD(head, synthesis="dreams")  # type: ignore[arg-type]
    with pytest.raises(CalibrationError, match="share of mixup"):
        GROOD(head, mixup=1.5)


def test_a_bank_without_a_correct_image_is_refused(head: Head, features: Tensor) -> None:
    wrong = (head.logits(features).argmax(dim=1) + 1) % CLASSES
    with pytest.raises(CalibrationError, match="classifies correctly"):
        GROOD(head).fit_features(features, wrong)
