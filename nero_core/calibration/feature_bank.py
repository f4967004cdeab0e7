"""Banks: the features of a set of images, with which everything but heatmaps is computed again at no cost."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.catalog import DETECTORS, build_detector
from nero_core.detectors.detector import Detector
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.models.classifier import Classifier
from nero_core.types import ImageBatch


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Pooled features of a set of images.

    Attributes:
        features: one row an image, float32.
        labels: class indices; into the ID classes, or for an OOD bank into the OOD classes.
        ids: sha256 of each image's file.
        scores: scores of the methods that look at the image once more, by name: they cannot be had from features.
            float64, on the CPU.
    """

    features: Float[Tensor, "images neurons"]
    labels: Int[Tensor, " images"]
    ids: tuple[str, ...]
    scores: Mapping[str, Float[Tensor, " images"]] = field(default_factory=lambda: MappingProxyType({}))

    def to(self, device: torch.device) -> "FeatureBank":
        """The same bank on another device; its scores stay where they are."""
        return FeatureBank(self.features.to(device), self.labels.to(device), self.ids, self.scores)

    def __len__(self) -> int:
        return len(self.ids)


ImageScore = Callable[[Classifier, ImageBatch], Float[Tensor, " batch"]]


def observe_bank(
    classifier: Classifier,
    batches: Iterable[ImageBatch],
    on_progress: Callable[[int], None] | None = None,
    image_scores: Mapping[str, ImageScore] = MappingProxyType({}),
) -> FeatureBank:
    """One forward pass over labelled batches, and one more for each method that needs the image.

    Args:
        classifier: the plain model.
        batches: labelled images.
        on_progress: told how many images are done.
        image_scores: methods whose scores the bank keeps besides the features.
    """
    features: list[Tensor] = []
    labels: list[Tensor] = []
    ids: list[str] = []
    scores: dict[str, list[Tensor]] = {name: [] for name in image_scores}
    for batch in batches:
        if batch.labels is None:
            raise ValueError("A bank is made of labelled batches; this one has no labels.")
        features.append(classifier.observe(batch).features.float().cpu())
        labels.append(batch.labels.cpu())
        ids.extend(batch.ids)
        for name, score in image_scores.items():
            scores[name].append(float64(score(classifier, batch)).cpu())
        if on_progress is not None:
            on_progress(len(ids))
    together = MappingProxyType({name: torch.cat(parts) for name, parts in scores.items()})
    return FeatureBank(torch.cat(features), torch.cat(labels), tuple(ids), together)


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
        scores: Tensor = float64(detector.predict_features(bank.features)).cpu()
        return scores
    if name not in bank.scores:
        raise CalibrationError(
            f"Expected scores of {name} in the bundle, which needs the images themselves. Found none. "
            "Make the bundle again with nero calibrate."
        )
    return bank.scores[name]
