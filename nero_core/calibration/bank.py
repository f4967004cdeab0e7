"""Banks: the features of a set of images, with which everything but heatmaps is computed again at no cost."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.models.classifier import Classifier
from nero_core.types import ImageBatch


@dataclass(frozen=True, slots=True)
class Bank:
    """Pooled features of a set of images.

    Attributes:
        features: one row an image, float32.
        labels: class indices; into the ID classes, or for an OOD bank into the OOD classes.
        ids: sha256 of each image's file.
    """

    features: Float[Tensor, "images neurons"]
    labels: Int[Tensor, " images"]
    ids: tuple[str, ...]

    def to(self, device: torch.device) -> "Bank":
        """The same bank on another device."""
        return Bank(self.features.to(device), self.labels.to(device), self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def observe_bank(
    classifier: Classifier, batches: Iterable[ImageBatch], on_progress: Callable[[int], None] | None = None
) -> Bank:
    """One forward pass over labelled batches.

    Args:
        classifier: the plain model.
        batches: labelled images.
        on_progress: told how many images are done.
    """
    features: list[Tensor] = []
    labels: list[Tensor] = []
    ids: list[str] = []
    for batch in batches:
        if batch.labels is None:
            raise ValueError("A bank is made of labelled batches; this one has no labels.")
        features.append(classifier.observe(batch).features.float().cpu())
        labels.append(batch.labels.cpu())
        ids.extend(batch.ids)
        if on_progress is not None:
            on_progress(len(ids))
    return Bank(torch.cat(features), torch.cat(labels), tuple(ids))
