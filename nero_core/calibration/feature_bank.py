"""Banks: the features of a set of images, with which everything but heatmaps is computed again at no cost."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.catalog import DETECTORS, build_detector
from nero_core.detectors.detector import Detector, State
from nero_core.detectors.streamed import STREAMED, restored
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.models.classifier import Classifier
from nero_core.types import LAST_STAGE, Head, ImageBatch, Observation


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Pooled features of a set of images.

    Attributes:
        features: one row an image, float32.
        labels: class indices; into the ID classes, or for an OOD bank into the OOD classes.
        ids: sha256 of each image's file.
        scores: scores of the methods that look at the image once more, by name: they cannot be had from features.
            float64, on the CPU.
        stages: mean of every channel of the stages before the features, by the name of the module; empty where the
            architecture shows none, or in a bundle of schema 1. As float16 has them.
    """

    features: Float[Tensor, "images neurons"]
    labels: Int[Tensor, " images"]
    ids: tuple[str, ...]
    scores: Mapping[str, Float[Tensor, " images"]] = field(default_factory=lambda: MappingProxyType({}))
    stages: Mapping[str, Float[Tensor, "images _"]] = field(default_factory=lambda: MappingProxyType({}))

    def to(self, device: torch.device) -> "FeatureBank":
        """The same bank on another device; its scores stay where they are."""
        stages = MappingProxyType({name: means.to(device) for name, means in self.stages.items()})
        return FeatureBank(self.features.to(device), self.labels.to(device), self.ids, self.scores, stages)

    def __len__(self) -> int:
        return len(self.ids)


ImageScore = Callable[[Classifier, ImageBatch], Float[Tensor, " batch"]]


def observe_bank(
    classifier: Classifier,
    batches: Iterable[ImageBatch],
    on_progress: Callable[[int], None] | None = None,
    image_scores: Mapping[str, ImageScore] = MappingProxyType({}),
    half: bool = False,
) -> FeatureBank:
    """One forward pass over labelled batches, and one more for each method that needs the image.

    Args:
        classifier: the plain model.
        batches: labelled images.
        on_progress: told how many images are done.
        image_scores: methods whose scores the bank keeps besides the features.
        half: round the features to float16, as they will be stored.
    """
    features: list[Tensor] = []
    labels: list[Tensor] = []
    ids: list[str] = []
    scores: dict[str, list[Tensor]] = {name: [] for name in image_scores}
    stages: dict[str, list[Tensor]] = {}
    for batch in batches:
        if batch.labels is None:
            raise ValueError("A bank is made of labelled batches; this one has no labels.")
        observation = classifier.observe(batch)
        features.append((observation.features.half() if half else observation.features).float().cpu())
        for name, means in observation.stages.items():
            stages.setdefault(name, []).append(means.half().float().cpu())
        labels.append(batch.labels.cpu())
        ids.extend(batch.ids)
        for name, score in image_scores.items():
            scores[name].append(float64(score(classifier, batch)).cpu())
        if on_progress is not None:
            on_progress(len(ids))
    return FeatureBank(
        torch.cat(features),
        torch.cat(labels),
        tuple(ids),
        MappingProxyType({name: torch.cat(parts) for name, parts in scores.items()}),
        MappingProxyType({name: torch.cat(parts) for name, parts in stages.items()}),
    )


def fitted_detector(
    name: str,
    head: Head,
    bank: FeatureBank,
    state: State | None = None,
    **hyper: Any,  # noqa: ANN401 (each method has its own)
) -> Detector:
    """A method of the catalog, fitted on a bank, or as it was fitted on all images of which the bank is a sample.

    Args:
        name: a key of ``DETECTORS``.
        head: of the model.
        bank: fitted on by methods that need more than sums.
        state: what `fit_streamed` found on all images; None where the bank has all of them.
        hyper: the method's hyper-parameters; with a state NERO's ε is that of its fit.

    Raises:
        CalibrationError: the method cannot fit the bank.
        NeroError: no such method or hyper-parameter.
    """
    if state is not None and name in STREAMED:
        return restored(name, head, {stage: means.shape[1] for stage, means in bank.stages.items()}, state, **hyper)
    if name in DETECTORS and DETECTORS[name].needs == "stages":
        hyper = {"stages": {stage: means.shape[1] for stage, means in bank.stages.items()}, **hyper}
    detector = build_detector(name, head, **hyper)
    return detector.fit_features(detector_input(detector, bank), bank.labels)


def detector_input(detector: Detector, observed: FeatureBank | Observation) -> Float[Tensor, "images _"]:
    """What a detector scores: the features, or the stages that it names, side by side."""
    stages: Collection[str] = getattr(detector, "stages", ())
    columns = {**observed.stages, LAST_STAGE: observed.features}
    return torch.cat([columns[stage] for stage in stages], dim=1) if stages else observed.features


def second_pass_scores(classifier: Classifier) -> dict[str, ImageScore]:
    """The catalog's methods that look at the image once more, each as a function from images to scores."""

    def scores_of(name: str) -> ImageScore:
        second_pass = DETECTORS[name].second_pass
        assert second_pass is not None
        detector = build_detector(name, classifier.head)
        return lambda model, batch: detector.predict_features(second_pass(model, batch))

    return {name: scores_of(name) for name, spec in DETECTORS.items() if spec.needs == "image"}


def bank_scores(name: str, detector: Detector, bank: FeatureBank) -> Float[Tensor, " images"]:
    """A fitted method's scores over a bank, float64 on the CPU.

    Raises:
        CalibrationError: the method needs the images, and whoever made the bank kept no scores of it.
    """
    if DETECTORS[name].needs != "image":
        scores: Tensor = float64(detector.predict_features(detector_input(detector, bank))).cpu()
        return scores
    if name not in bank.scores:
        raise CalibrationError(
            f"Expected scores of {name} in the bundle, which needs the images themselves. Found none. "
            "Make the bundle again with nero calibrate."
        )
    return bank.scores[name]
