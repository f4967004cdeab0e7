"""Detectors on loaders of images, and in a real benchmark of pytorch-ood."""

from typing import ClassVar

import pytest
import torch
from pytorch_ood.api import ModelNotSetException
from pytorch_ood.benchmark import Benchmark
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from nero_core.detectors import DETECTORS, Detector, build_detector, image_encoder
from nero_core.errors import CalibrationError
from nero_core.metrics import auroc
from nero_core.models import Classifier, create_classifier

CLASSES, SIDE = 3, 32


def drawn(seed: int, labels: Tensor) -> TensorDataset:
    """Noise in a colour of its class; labels below 0 are noise without one."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(len(labels), 3, SIDE, SIDE, generator=generator)
    coloured = labels >= 0
    pixels[coloured] *= (0.3 + 0.7 * torch.nn.functional.one_hot(labels[coloured], 3))[:, :, None, None]
    return TensorDataset(pixels, labels)


class Drawn(Benchmark):
    """Two OOD sets."""

    ood_names: ClassVar[list[str]] = ["noise", "other noise"]

    def train_set(self) -> Dataset:
        return drawn(1, torch.arange(60) % CLASSES)

    def test_sets(self, known: bool = True, unknown: bool = True) -> list[Dataset]:
        inside = drawn(2, torch.arange(24) % CLASSES)
        return [inside + drawn(seed, torch.full((16,), -1)) for seed in (3, 4)]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Random weights, and a head that finds the nearest class mean of the features."""
    torch.manual_seed(0)
    plain = create_classifier("test_resnet", ("a", "b", "c"), (SIDE, SIDE))
    pixels, labels = Drawn().train_set().tensors  # type: ignore[attr-defined]
    features = plain.features(pixels)
    means = torch.stack([features[labels == label].mean(dim=0) for label in range(CLASSES)])
    linear = plain.model.get_classifier()
    linear.weight.copy_(100 * means)
    linear.bias.copy_(-50 * means.square().sum(dim=1))
    return Classifier(plain.model, plain.class_names, plain.input_size)


def built(name: str, classifier: Classifier) -> Detector:
    options = {"dimension": 8} if name == "vim" else {}  # fewer than the images span
    return build_detector(name, classifier.head, encoder=image_encoder(name, classifier), **options)


@pytest.fixture(scope="module")
def bank(classifier: Classifier) -> tuple[Tensor, Tensor]:
    pixels, labels = Drawn().train_set().tensors  # type: ignore[attr-defined]
    return classifier.features(pixels), labels


@pytest.mark.parametrize("name", DETECTORS)
def test_a_fit_on_a_loader_and_a_call_on_images_are_those_on_features(
    name: str, classifier: Classifier, bank: tuple[Tensor, Tensor]
) -> None:
    images = drawn(5, torch.arange(9) % CLASSES).tensors[0]
    loader = DataLoader(Drawn().train_set(), batch_size=60)
    detector = built(name, classifier)
    assert detector.fit(loader) is detector  # type: ignore[attr-defined]
    features, labels = bank if DETECTORS[name].needs != "image" else (built(name, classifier).encoder(images), None)  # type: ignore[misc]
    if labels is None:
        scores = detector.predict_features(features)
    else:
        plain = built(name, classifier).fit_features(features, labels)
        scores = plain.predict_features(classifier.features(images))
    torch.testing.assert_close(detector.predict(images), scores, rtol=1e-6, atol=1e-9)  # type: ignore[attr-defined]
    assert torch.equal(detector(images), detector.predict(images))  # type: ignore[attr-defined,operator]


def test_batches_of_any_size_give_one_fit(classifier: Classifier) -> None:
    images = drawn(5, torch.arange(9) % CLASSES).tensors[0]
    whole, parts = (
        built("nero", classifier).fit(DataLoader(Drawn().train_set(), batch_size=size))  # type: ignore[attr-defined]
        for size in (60, 7)
    )
    torch.testing.assert_close(whole(images), parts(images), rtol=1e-4, atol=1e-6)


def test_a_benchmark_of_pytorch_ood_evaluates_every_method_under_its_name(classifier: Classifier) -> None:
    loader = DataLoader(Drawn().train_set(), batch_size=60)
    detectors = [built(name, classifier).fit(loader) for name in DETECTORS]  # type: ignore[attr-defined]
    rows = Drawn().evaluate(detectors, loader_kwargs={"batch_size": 40})
    assert [row["Detector"].lower() for row in rows[: len(DETECTORS)]] == [name.replace("_", "") for name in DETECTORS]
    assert {row["Dataset"] for row in rows} == {"noise", "other noise"}
    pixels, labels = (torch.stack(column) for column in zip(*Drawn().test_sets()[0], strict=True))
    for row, name, detector in zip(rows, DETECTORS, detectors, strict=False):
        scores = detector(pixels)
        assert row["AUROC"] == pytest.approx(auroc(scores[labels >= 0], scores[labels < 0]), abs=1e-3), name


def test_features_need_no_encoder(classifier: Classifier, bank: tuple[Tensor, Tensor]) -> None:
    detector = build_detector("knn", classifier.head)
    detector.fit(DataLoader(TensorDataset(*bank), batch_size=16))  # type: ignore[attr-defined]
    assert torch.equal(detector(bank[0]), detector.predict_features(bank[0]))  # type: ignore[operator]


def test_images_without_an_encoder_are_told_how_to_give_one(classifier: Classifier) -> None:
    images = drawn(5, torch.arange(9) % CLASSES)
    for name in ("nero", "msp"):
        detector = build_detector(name, classifier.head)
        with pytest.raises(ModelNotSetException, match=r"build_detector\(…, encoder=classifier\.features\)"):
            detector.predict(images.tensors[0])  # type: ignore[attr-defined]
    with pytest.raises(ModelNotSetException, match="no encoder"):
        build_detector("nero", classifier.head).fit(DataLoader(images))  # type: ignore[attr-defined]


def test_a_loader_of_nothing_or_of_ood_images_is_refused(classifier: Classifier) -> None:
    with pytest.raises(CalibrationError, match="Found none"):
        built("nero", classifier).fit([])  # type: ignore[attr-defined]
    for name in ("nero", "knn", "mahalanobis"):
        with pytest.raises(CalibrationError, match="fit on no OOD image"):
            built(name, classifier).fit(DataLoader(Drawn().test_sets()[0], batch_size=40))  # type: ignore[attr-defined]
