"""NECO against a replica with numpy's SVD."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nero_core.detectors.neco import NECO
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 3, 14, 70


@pytest.fixture
def features() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(IMAGES, NEURONS, generator=generator) @ torch.randn(NEURONS, NEURONS, generator=generator)


@pytest.mark.parametrize("max_logit", [False, True])
def test_scores_equal_the_replica(head: Head, features: Tensor, labels: Tensor, max_logit: bool) -> None:
    probe = torch.randn(20, NEURONS, generator=torch.Generator().manual_seed(2))
    fit, x = features.double().numpy(), probe.double().numpy()
    mean, deviation = fit.mean(axis=0), fit.std(axis=0)
    directions = np.linalg.svd((fit - mean) / deviation)[2][:5]
    expected = []
    for row in (x - mean) / deviation:
        expected.append(-np.linalg.norm(directions @ row) / np.linalg.norm(row))
    if max_logit:
        expected = list(np.array(expected) * head.logits(probe.double()).amax(dim=1).numpy())
    scores = NECO(head, components=5, max_logit=max_logit).fit_features(features, labels).predict_features(probe)
    torch.testing.assert_close(scores, torch.tensor(np.array(expected)), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("neurons", "components"), [(2048, 100), (512, 100), (200, 100), (192, 96), (2, 1)])
def test_components_are_the_published_100_or_half_the_neurons(neurons: int, components: int) -> None:
    assert NECO(Head(torch.ones(2, neurons), torch.zeros(2))).components_wanted == components


@pytest.mark.parametrize("components", [0, NEURONS, NEURONS + 1])
def test_components_that_leave_nothing_to_compare_are_refused(head: Head, components: int) -> None:
    with pytest.raises(CalibrationError, match="components"):
        NECO(head, components=components)


def test_too_few_images_keep_the_components_that_the_rank_allows(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NECO(head, components=9).fit_features(features[:4], labels[:4])
    assert detector.components_found == 3


def test_scores_without_the_logit_are_in_minus_1_to_0(head: Head, features: Tensor, labels: Tensor) -> None:
    scores = NECO(head).fit_features(features, labels).predict_features(features * 3)
    assert bool(((scores >= -1 - 1e-12) & (scores <= 0)).all())


def test_a_neuron_that_never_moves_is_left_undivided(head: Head, features: Tensor, labels: Tensor) -> None:
    features[:, 3] = 0.1
    detector = NECO(head).fit_features(features, labels)
    assert float(detector.deviation[3]) == 1
    probe = features.clone()
    probe[:, 3] = 5
    assert bool(detector.predict_features(probe).isfinite().all())


def test_images_that_are_all_the_same_are_refused(head: Head, features: Tensor, labels: Tensor) -> None:
    with pytest.raises(CalibrationError, match="differ"):
        NECO(head).fit_features(features[:1].repeat(IMAGES, 1), labels)
