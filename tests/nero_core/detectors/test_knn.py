"""KNN against sorted cosines, and its k."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.knn import KNN
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS = 3, 8
HEAD = Head(torch.ones(CLASSES, NEURONS), torch.zeros(CLASSES))


def made(images: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images, NEURONS, generator=generator), torch.arange(images) % CLASSES


@pytest.mark.parametrize("k", [1, 5, 60])
def test_scores_equal_the_distance_made_of_cosines(k: int) -> None:
    """Unit vectors at cosine c are ``√(2 − 2c)`` apart."""
    (bank, labels), probe = made(60, 0), made(9, 1)[0]
    cosines = torch.nn.functional.cosine_similarity(probe.double()[:, None], bank.double()[None], dim=2)
    expected = (2 - 2 * cosines.sort(dim=1, descending=True).values[:, k - 1]).sqrt()
    scores = KNN(HEAD, k=k).fit_features(bank, labels).predict_features(probe)
    torch.testing.assert_close(scores, expected, rtol=1e-7, atol=1e-9)


def test_length_plays_no_part() -> None:
    (bank, labels), probe = made(60, 0), made(9, 1)[0]
    detector = KNN(HEAD).fit_features(bank, labels)
    torch.testing.assert_close(detector.predict_features(7 * probe), detector.predict_features(probe))


@pytest.mark.parametrize(("images", "k"), [(3, 1), (300, 1), (1500, 2), (3000, 3)])
def test_k_is_the_published_share_of_the_bank(images: int, k: int) -> None:
    assert KNN(HEAD).fit_features(*made(images, 0)).fitted_settings == {"k": k}


def test_fewer_images_than_k_and_a_k_of_0_are_refused() -> None:
    with pytest.raises(CalibrationError, match="at least 61"):
        KNN(HEAD, k=61).fit_features(*made(60, 0))
    with pytest.raises(CalibrationError, match="k ≥ 1"):
        KNN(HEAD, k=0)
