"""One battery of promises that every method of the catalog keeps."""

import pytest
import torch
from pytorch_ood.api import FeaturesDetector, RequiresFittingException
from torch import Tensor

from nero_core.detectors import DETECTORS, build_detector
from nero_core.errors import CalibrationError, NeroError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 4, 24, 200
NEEDS_FIT = ("nero", "mahalanobis", "vim")

every_method = pytest.mark.parametrize("name", list(DETECTORS))


def class_centres() -> Tensor:
    return torch.randn(CLASSES, NEURONS, generator=torch.Generator().manual_seed(0)) + 1


def made(seed: int, images: int = IMAGES) -> tuple[Tensor, Tensor]:
    """Features of ``CLASSES`` classes, non-negative as after a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    return (class_centres()[labels] + 0.5 * torch.randn(images, NEURONS, generator=generator)).relu(), labels


@pytest.fixture
def head() -> Head:
    """Linear discriminants of the class centres, shifted so that the logit of the right class is large."""
    centres = class_centres()
    return Head(centres, 5 - centres.square().sum(dim=1) / 2)


def fitted(name: str, head: Head, seed: int = 2) -> FeaturesDetector:
    return build_detector(name, head).fit_features(*made(seed))


@every_method
def test_the_key_is_the_name_and_the_paper_is_named(name: str) -> None:
    assert DETECTORS[name].name == name
    assert DETECTORS[name].paper and DETECTORS[name].family


@every_method
def test_fit_answers_with_the_detector(name: str, head: Head) -> None:
    detector = build_detector(name, head)
    assert detector.fit_features(*made(2)) is detector


@every_method
def test_scores_are_finite_and_one_an_image(name: str, head: Head) -> None:
    scores = fitted(name, head).predict_features(made(3, 17)[0])
    assert scores.shape == (17,)
    assert bool(scores.isfinite().all())


@every_method
def test_higher_is_more_ood(name: str, head: Head) -> None:
    """Features of no class at all, with small logits, score above ID features on average."""
    detector = fitted(name, head)
    inside = made(3)[0]
    generator = torch.Generator().manual_seed(4)
    noise = torch.randn(IMAGES, NEURONS, generator=generator)
    null = torch.linalg.svd(head.weight).Vh[CLASSES:]  # directions that no logit sees
    outside = 6 * (noise @ null.T) @ null - torch.linalg.pinv(head.weight) @ head.bias
    assert detector.predict_features(outside).mean() > detector.predict_features(inside).mean()


@every_method
def test_a_second_fit_forgets_the_first(name: str, head: Head) -> None:
    detector = fitted(name, head, seed=5)
    detector.fit_features(*made(2))
    x = made(3)[0]
    assert torch.equal(detector.predict_features(x), fitted(name, head).predict_features(x))


@every_method
def test_two_fits_give_the_same_scores(name: str, head: Head) -> None:
    x = made(3)[0]
    assert torch.equal(fitted(name, head).predict_features(x), fitted(name, head).predict_features(x))


@every_method
def test_splitting_a_batch_changes_no_score(name: str, head: Head) -> None:
    detector, x = fitted(name, head), made(3)[0]
    parts = torch.cat([detector.predict_features(part) for part in x.split(7)])
    torch.testing.assert_close(detector.predict_features(x), parts, rtol=1e-4, atol=1e-4)


@every_method
def test_the_order_of_a_batch_changes_no_score(name: str, head: Head) -> None:
    detector, x = fitted(name, head), made(3)[0]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(detector.predict_features(x)[order], detector.predict_features(x[order]))


@every_method
def test_the_order_of_the_fit_images_changes_no_score(name: str, head: Head) -> None:
    x, y = made(2)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    shuffled = build_detector(name, head).fit_features(x[order], y[order])
    probe = made(3)[0]
    torch.testing.assert_close(
        fitted(name, head).predict_features(probe), shuffled.predict_features(probe), rtol=1e-3, atol=1e-3
    )


@every_method
def test_float32_and_float64_features_agree(name: str, head: Head) -> None:
    (x, y), probe = made(2), made(3)[0]
    single = build_detector(name, head).fit_features(x, y).predict_features(probe)
    double = build_detector(name, head).fit_features(x.double(), y).predict_features(probe.double())
    torch.testing.assert_close(single.double(), double.double(), rtol=1e-4, atol=1e-4)


@every_method
def test_fewer_images_than_neurons_are_fitted_without_rounding_noise(name: str, head: Head) -> None:
    (x, y), probe = made(2, NEURONS // 2), made(3)[0]
    single = build_detector(name, head).fit_features(x, y).predict_features(probe)
    double = build_detector(name, head).fit_features(x.double(), y).predict_features(probe.double())
    torch.testing.assert_close(single.double(), double.double(), rtol=1e-3, atol=1e-3)
    if name in ("nero", "mahalanobis"):  # distances
        assert bool((single >= 0).all())


@every_method
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_features_that_are_not_finite_are_refused(name: str, head: Head, value: float) -> None:
    x = made(3)[0]
    x[5, 2] = value
    with pytest.raises(CalibrationError, match="finite"):
        fitted(name, head).predict_features(x)


@every_method
def test_the_input_is_left_as_it_was(name: str, head: Head) -> None:
    x, y = made(2)
    before = x.clone()
    build_detector(name, head).fit_features(x, y).predict_features(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NEEDS_FIT)
def test_scoring_before_fitting_raises_the_librarys_exception(name: str, head: Head) -> None:
    with pytest.raises(RequiresFittingException):
        build_detector(name, head).predict_features(made(3)[0])


@pytest.mark.usefixtures("shapes_unchecked")
@every_method
@pytest.mark.parametrize("shape", [(5, NEURONS + 1), (NEURONS,), (2, NEURONS, 1)])
def test_features_of_another_width_are_refused(name: str, head: Head, shape: tuple[int, ...]) -> None:
    detector = fitted(name, head)
    with pytest.raises(CalibrationError, match=rf"{NEURONS}.*[Ff]ound"):
        detector.predict_features(torch.rand(shape))


@pytest.mark.usefixtures("shapes_unchecked")
@every_method
def test_labels_that_do_not_match_the_images_are_refused(name: str, head: Head) -> None:
    x, y = made(2)
    with pytest.raises(CalibrationError, match="one label for each"):
        build_detector(name, head).fit_features(x, y[:-1])


def test_an_unknown_name_is_refused_with_the_names_that_exist(head: Head) -> None:
    with pytest.raises(NeroError, match=r"nero.*vim.*'nerro'"):
        build_detector("nerro", head)


def test_an_unknown_hyper_parameter_is_refused(head: Head) -> None:
    with pytest.raises(NeroError, match="wrong"):
        build_detector("nero", head, wrong=1)


def test_a_method_that_cannot_fit_the_bank_says_so(head: Head) -> None:
    x, y = made(2)
    with pytest.raises(CalibrationError, match="Mahalanobis"):
        build_detector("mahalanobis", head).fit_features(x, y + 1)  # labels must start at 0
