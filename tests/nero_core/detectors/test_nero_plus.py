"""NERO+ against a slow replica of its formulas in float64, and its laws."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.nero_plus import NeroPlus
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


def slow_scores(fit: Tensor, labels: Tensor, x: Tensor, head: Head) -> Tensor:
    directions = torch.stack([slow_direction(a, head) for a in fit])
    means = torch.stack([directions[labels == c].mean(dim=0) for c in range(CLASSES)])
    rows = directions - means[labels]
    precision = torch.linalg.pinv(sum(torch.outer(row, row) for row in rows) / len(rows), hermitian=True)
    scores = []
    for a in x:
        offsets = [slow_direction(a, head) - mean for mean in means]
        scores.append(min(float(offset @ precision @ offset) for offset in offsets))
    return torch.tensor(scores, dtype=torch.float64)


def test_scores_agree_with_the_formula_image_by_image(head: Head) -> None:
    fit, labels = made(40, 2)
    x = torch.cat([made(9, 3)[0], 3 * torch.rand(6, NEURONS, generator=torch.Generator().manual_seed(4)).double()])
    scores = NeroPlus(head).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(scores, slow_scores(fit, labels, x, head), rtol=1e-9, atol=1e-9)


def test_it_holds_with_fewer_images_than_neurons(head: Head) -> None:
    fit, labels = made(9, 2)
    x = made(5, 3)[0]
    scores = NeroPlus(head).fit_features(fit, labels).predict_features(x)
    torch.testing.assert_close(scores, slow_scores(fit, labels, x, head), rtol=1e-8, atol=1e-8)


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
    direction = NeroPlus(head).fit_features(*made(40, 2)).terms(x).direction
    torch.testing.assert_close(direction, torch.stack([slow_direction(a, head) for a in x]))


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


def test_directions_in_which_the_fit_images_do_not_vary_do_not_count(head: Head) -> None:
    fit, labels = made(2, 2)[0], torch.zeros(2, dtype=torch.long)
    detector = NeroPlus(head).fit_features(fit, labels)
    assert detector.fitted_settings == {"dimensions": 1}
    x = made(9, 3)[0]
    between = torch.stack([slow_direction(a, head) for a in fit])
    line = (between[1] - between[0]) / (between[1] - between[0]).norm()
    along = torch.stack([slow_direction(a, head) for a in x]) @ line - between.mean(dim=0) @ line
    deviation = (between[1] - between[0]).norm() / 2
    torch.testing.assert_close(detector.predict_features(x), (along / deviation).square())


def test_the_scores_carry_no_gradient_of_the_features(head: Head) -> None:
    x = made(9, 3)[0].requires_grad_()
    assert not NeroPlus(head).fit_features(*made(40, 2)).predict_features(x).requires_grad
