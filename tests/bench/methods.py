"""How long the methods take to fit and to score, on features that are made up."""

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from nero_core import DETECTORS, Head, build_detector
from nero_core.detectors.components import principal_components
from nero_core.relevance.head import neuron_relevance
from tests.bench.timing import paired, seconds


def made_bank(images: int, seed: int) -> tuple[Head, Tensor, Tensor]:
    """A head of 10 classes on 512 neurons, and features and labels of images that it classifies."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(10, 512, generator=torch.Generator().manual_seed(0)) * 2
    labels = torch.randint(10, (images,), generator=generator)
    features = (centres[labels] + torch.randn(images, 512, generator=generator)).relu()
    return Head(centres - centres.mean(dim=0), torch.linspace(-1, 1, 10)), features, labels


def catalog_seconds(rounds: int) -> dict[str, tuple[float, float]]:
    """Median seconds of every method to fit on 5,000 images, and to score 10,000 observed ones."""
    head, fit, labels = made_bank(5_000, seed=1)
    _, features, _ = made_bank(10_000, seed=2)
    timings = {}
    for name in DETECTORS:
        detector = build_detector(name, head)
        detector.fit_features(fit, labels)
        fitting = statistics.median(seconds(lambda d=detector: d.fit_features(fit, labels)) for _ in range(rounds))
        scoring = statistics.median(seconds(lambda d=detector: d.predict_features(features)) for _ in range(rounds))
        timings[name] = fitting, scoring
    return timings


def all_depths_seconds() -> tuple[float, float]:
    """Seconds of NERO at all depths to fit on 5,000 images of EfficientNet-Lite0's stages, and to score 1,000."""
    generator = torch.Generator().manual_seed(0)
    stages, neurons = {"blocks.2": 40, "blocks.4": 112, "blocks.6": 320}, 1280
    head = Head(torch.randn(10, neurons, generator=generator), torch.zeros(10))
    labels = torch.arange(5_000) % 10
    means = torch.rand(5_000, sum(stages.values()) + neurons, generator=generator) + labels[:, None] / 10
    detector = build_detector("nero_deep", head, stages=stages)
    fitting = seconds(lambda: detector.fit_features(means, labels))
    return fitting, seconds(lambda: detector.predict_features(means[:1000]))


def many_classes_seconds(name: str) -> tuple[float, float]:
    """Seconds of a method to fit on 5,000 images of 1,000 classes and 2,048 neurons, and to score 1,000 of them."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(1000, 2048, generator=generator).relu()
    labels = torch.arange(5_000) % 1000
    features = (centres[labels] / 2 + torch.randn(5_000, 2048, generator=generator) / 2).relu()
    detector = build_detector(name, Head((centres - centres.mean(dim=0)) / 30, torch.zeros(1000)))
    fitting = seconds(lambda: detector.fit_features(features, labels))
    return fitting, seconds(lambda: detector.predict_features(features[:1000]))


def nero_against_loop(rounds: int) -> tuple[float, float, float]:
    """NERO fitted on 5,000 images and scoring 10,000, against the same formula, image by image in Python."""
    head, fit, labels = made_bank(5_000, seed=1)
    _, features, _ = made_bank(10_000, seed=2)
    exact = Head(head.weight.double(), head.bias.double())

    def relevance_of(image: Tensor) -> tuple[Tensor, Tensor]:
        relevance, bias = neuron_relevance(image[None].double(), exact, 1e-6)
        return relevance[0], bias[0]

    def loop() -> Tensor:
        pairs = [relevance_of(image) for image in fit]
        components = principal_components(torch.stack([relevance for relevance, _ in pairs]), 341)
        projected = [components @ relevance for relevance, _ in pairs]
        centroids = [_mean(projected, labels, label) for label in range(10)]
        joined = [torch.cat([relevance, bias[None]]) for relevance, bias in pairs]
        means = [_mean(joined, labels, label) for label in range(10)]
        spread = sum(min(float((vector - mean).abs().sum()) for mean in means) for vector in joined)
        scale = spread / sum(float(bias.abs()) for _, bias in pairs)
        scores = []
        for image in features:
            relevance, bias = relevance_of(image)
            place = components @ relevance
            distance = min(float((place - centroid).abs().sum()) for centroid in centroids)
            lowest = relevance.argsort(stable=True)[:175]
            ratio = float(image[lowest].abs().sum() / image.abs().sum())
            scores.append((distance + scale * float(bias.abs())) * ratio)
        return torch.tensor(scores, dtype=torch.float64)

    def batched() -> Tensor:
        return build_detector("nero", head).fit_features(fit, labels).predict_features(features)

    torch.testing.assert_close(batched(), loop(), rtol=1e-5, atol=1e-6)  # a race between answers to one question
    return paired(batched, loop, rounds)


def _mean(rows: Sequence[Tensor], labels: Tensor, label: int) -> Tensor:
    return torch.stack([row for row, row_label in zip(rows, labels.tolist(), strict=True) if row_label == label]).mean(
        dim=0
    )
