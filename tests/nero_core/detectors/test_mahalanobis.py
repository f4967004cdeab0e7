"""Mahalanobis distances against numpy's inverse."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nero_core.detectors.mahalanobis import RelativeMahalanobis, TiedMahalanobis

CLASSES, NEURONS, IMAGES = 3, 10, 120


def made(seed: int, images: int = IMAGES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    mixed = torch.randn(images, NEURONS, generator=generator) @ torch.randn(
        NEURONS, NEURONS, generator=torch.Generator().manual_seed(9)
    )
    return (mixed + 3 * labels[:, None]).double(), labels


def squared_distances(fit: np.ndarray, groups: np.ndarray, x: np.ndarray) -> np.ndarray:
    means = np.stack([fit[groups == group].mean(axis=0) for group in np.unique(groups)])
    centred = fit - means[groups]
    precision = np.linalg.inv(centred.T @ centred / len(fit))
    return np.stack([np.einsum("nd,de,ne->n", x - m, precision, x - m) for m in means], axis=1)


def test_half_the_squared_distance_to_the_nearest_class() -> None:
    (fit, labels), probe = made(0), made(1)[0]
    expected = squared_distances(fit.numpy(), labels.numpy(), probe.numpy()).min(axis=1) / 2
    scores = TiedMahalanobis(None).fit_features(fit, labels).predict_features(probe)
    torch.testing.assert_close(scores, torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


def test_relative_is_less_the_distance_to_the_mean_of_all() -> None:
    (fit, labels), probe = made(0), made(1)[0]
    own = squared_distances(fit.numpy(), labels.numpy(), probe.numpy()).min(axis=1)
    all_of_them = squared_distances(fit.numpy(), np.zeros(IMAGES, dtype=int), probe.numpy())[:, 0]
    scores = RelativeMahalanobis(None).fit_features(fit, labels).predict_features(probe)
    torch.testing.assert_close(scores, torch.from_numpy(own - all_of_them), rtol=1e-9, atol=1e-9)


def test_labels_may_have_gaps() -> None:
    (fit, labels), probe = made(0), made(1)[0]
    gaps = TiedMahalanobis(None).fit_features(fit, labels * 4).predict_features(probe)
    assert torch.equal(gaps, TiedMahalanobis(None).fit_features(fit, labels).predict_features(probe))


def test_directions_that_the_fit_images_do_not_vary_in_do_not_count() -> None:
    fit, labels = made(0)
    fit[:, 4] = 2
    detector = TiedMahalanobis(None).fit_features(fit, labels)
    probe = made(1)[0]
    moved = probe.clone()
    moved[:, 4] += 100
    torch.testing.assert_close(detector.predict_features(moved), detector.predict_features(probe))


def test_one_class_is_too_few_to_be_relative_to() -> None:
    fit, labels = made(0)
    with pytest.raises(ValueError, match="one class"):
        RelativeMahalanobis(None).fit_features(fit, labels * 0)
