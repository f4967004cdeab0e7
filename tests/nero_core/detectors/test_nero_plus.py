"""NERO+ against a slow replica of its formulas in float64, and its laws."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.nero_plus import NeroPlus, decision_vector
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS = 3, 12


def made(images: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    centres = 2 * torch.rand(CLASSES, NEURONS, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    noise = torch.randn(images, NEURONS, generator=generator, dtype=torch.float64)
    return (centres[labels] + 0.3 * noise).relu(), labels


@pytest.fixture
def head() -> Head:
    generator = torch.Generator().manual_seed(1)
    return Head(
        torch.randn(CLASSES, NEURONS, generator=generator, dtype=torch.float64),
        torch.randn(CLASSES, generator=generator, dtype=torch.float64),
    )


def slow_direction(a: Tensor, head: Head) -> Tensor:
    """LRP-ε with ε = 0 of the predicted class's logit, neuron by neuron, then unit length."""
    logits = [float(sum(w * x for w, x in zip(row, a, strict=True)) + b) for row, b in zip(*_parts(head), strict=True)]
    winner = logits.index(max(logits))
    initial_relevance = logits[winner]
    relevance = torch.stack(
        [a[j] * head.weight[winner, j] / logits[winner] * initial_relevance for j in range(NEURONS)]
    )
    return relevance / relevance.square().sum().sqrt()


def _parts(head: Head) -> tuple[Tensor, Tensor]:
    return head.weight, head.bias


def slow_vector(a: Tensor, head: Head) -> Tensor:
    return torch.cat([a / a.square().sum().sqrt(), slow_direction(a, head)])


def slow_scores(fit: Tensor, labels: Tensor, x: Tensor, head: Head, alpha: float) -> Tensor:
    vectors = torch.stack([slow_vector(a, head) for a in fit])
    means = torch.stack([vectors[labels == c].mean(dim=0) for c in range(CLASSES)])
    rows = vectors - means[labels]
    covariance = sum(torch.outer(row, row) for row in rows) / len(rows)
    width = len(covariance)
    shrunk = (1 - alpha) * covariance + alpha * covariance.trace() / width * torch.eye(width, dtype=torch.float64)
    precision = torch.linalg.inv(shrunk)
    scores = []
    for a in x:
        offsets = [slow_vector(a, head) - mean for mean in means]
        scores.append(min(float(offset @ precision @ offset) for offset in offsets))
    return torch.tensor(scores, dtype=torch.float64)


@pytest.mark.parametrize("images", [40, 9])  # more than dimensions, and fewer
def test_scores_agree_with_the_formula_image_by_image(head: Head, images: int) -> None:
    fit, labels = made(images, 2)
    x = torch.cat([made(9, 3)[0], 3 * torch.rand(6, NEURONS, generator=torch.Generator().manual_seed(4)).double()])
    detector = NeroPlus(head, shrinkage=0.07).fit_features(fit, labels)
    torch.testing.assert_close(detector.predict_features(x), slow_scores(fit, labels, x, head, 0.07), rtol=1e-9, atol=0)
    chosen = NeroPlus(head).fit_features(fit, labels)
    alpha = chosen.fitted_settings["shrinkage"]
    torch.testing.assert_close(
        chosen.predict_features(x), slow_scores(fit, labels, x, head, alpha), rtol=1e-3, atol=0
    )  # the setting is rounded


def test_its_first_form_is_the_pseudo_inverse_of_the_relevance_alone(head: Head) -> None:
    fit, labels = made(9, 2)
    x = made(5, 3)[0]
    directions = torch.stack([slow_direction(a, head) for a in fit])
    means = torch.stack([directions[labels == c].mean(dim=0) for c in range(CLASSES)])
    rows = directions - means[labels]
    precision = torch.linalg.pinv(rows.T @ rows / len(rows), hermitian=True)
    expected = [
        min(float((slow_direction(a, head) - m) @ precision @ (slow_direction(a, head) - m)) for m in means) for a in x
    ]
    first = NeroPlus(head, with_features=False, shrinkage=0.0).fit_features(fit, labels)
    torch.testing.assert_close(first.predict_features(x), torch.tensor(expected).double(), rtol=1e-6, atol=0)


def test_the_contributions_sum_to_the_score(head: Head) -> None:
    detector = NeroPlus(head).fit_features(*made(40, 2))
    x = made(9, 3)[0]
    terms = detector.terms(x)
    torch.testing.assert_close(terms.contribution.sum(dim=1), detector.predict_features(x), rtol=1e-12, atol=1e-12)


def test_relevance_starts_at_the_predicted_logit_and_is_conserved(head: Head) -> None:
    x = made(9, 3)[0]
    logits, predicted = head.logits(x).max(dim=1)
    sums = (x * head.weight[predicted]).sum(dim=1)
    torch.testing.assert_close(sums, logits - head.bias[predicted])
    torch.testing.assert_close(decision_vector(x, head), torch.stack([slow_vector(a, head) for a in x]))


def test_how_strong_the_features_are_does_not_matter_while_the_decision_stays(head: Head) -> None:
    unbiased = Head(head.weight, torch.zeros_like(head.bias))
    detector = NeroPlus(unbiased).fit_features(*made(40, 2))
    x = made(9, 3)[0]
    torch.testing.assert_close(detector.predict_features(5 * x), detector.predict_features(x))


def test_an_image_without_any_activation_has_a_finite_score(head: Head) -> None:
    scores = NeroPlus(head).fit_features(*made(40, 2)).predict_features(torch.zeros(1, NEURONS))
    assert bool(scores.isfinite().all()) and float(scores[0]) > 0


def test_images_that_do_not_differ_are_refused(head: Head) -> None:
    same = made(1, 2)[0].expand(12, -1)
    with pytest.raises(CalibrationError, match="that differ"):
        NeroPlus(head).fit_features(same, torch.arange(12) % CLASSES)


def test_one_image_a_class_is_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match="that differ"):
        NeroPlus(head).fit_features(*made(CLASSES, 2))


def test_the_scores_carry_no_gradient_of_the_features(head: Head) -> None:
    x = made(9, 3)[0].requires_grad_()
    assert not NeroPlus(head).fit_features(*made(40, 2)).predict_features(x).requires_grad
