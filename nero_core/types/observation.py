"""Decoded images, and what the classifier's one forward pass says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.device import float64, to_like


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Decoded images at the classifier's input size.

    Attributes:
        pixels: RGB in [0, 1], not yet normalised.
        ids: sha256 (hex) of each file's bytes.
        names: each file's name, without its folder.
        labels: class index of each image, or None where unknown.
        notes: what decoding did that a reader should know ("first of 12 frames"), "" where nothing.
    """

    pixels: Float[Tensor, "batch 3 height width"]
    ids: tuple[str, ...]
    names: tuple[str, ...]
    labels: Int[Tensor, " batch"] | None = None
    notes: tuple[str, ...] = ()

    def select(self, index: int) -> "ImageBatch":
        """A batch of one image."""
        row = slice(index, index + 1)
        labels = None if self.labels is None else self.labels[row]
        return ImageBatch(self.pixels[row], self.ids[row], self.names[row], labels, self.notes[row])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Head:
    """The classifier's last linear layer: logits ``l = W a + b``."""

    weight: Float[Tensor, "classes neurons"]
    bias: Float[Tensor, " classes"]

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.weight.shape[0]

    @property
    def neurons(self) -> int:
        """Number of feature channels D."""
        return self.weight.shape[1]

    def logits(self, features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch classes"]:
        """``W a + b``, in the dtype and on the device of the features."""
        return features @ to_like(self.weight, features).T + to_like(self.bias, features)

    def float64(self) -> "Head":
        """The same head in float64, where statistics are computed; see `nero_core.device.float64`."""
        return Head(float64(self.weight), float64(self.bias))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Head":
        """The same head on another device or in another dtype."""
        return Head(self.weight.to(device=device, dtype=dtype), self.bias.to(device=device, dtype=dtype))


@dataclass(frozen=True, slots=True)
class Observation:
    """What one forward pass leaves: pooled features, and the head that turns them into logits.

    Attributes:
        features: the input of the head, one row an image.
        head: the classifier's last linear layer.
        ids: sha256 of each image's file.
        labels: class index of each image, or None where unknown.
        images: what was observed, or None where it is not kept. Heatmaps need it, and methods that look at the image
            once more; all else is made of the features.
        stages: mean of every channel of the stages before the features, by the name of the module; empty where the
            architecture shows none.
    """

    features: Float[Tensor, "batch neurons"]
    head: Head
    ids: tuple[str, ...]
    labels: Int[Tensor, " batch"] | None = None
    images: ImageBatch | None = field(default=None, repr=False, compare=False)
    stages: Mapping[str, Float[Tensor, "batch _"]] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def logits(self) -> Float[Tensor, "batch classes"]:
        """``l = W a + b``."""
        return self.head.logits(self.features)

    @property
    def probabilities(self) -> Float[Tensor, "batch classes"]:
        """``p = softmax(l)``."""
        return self.logits.softmax(dim=1)

    @property
    def predicted(self) -> Int[Tensor, " batch"]:
        """Index of the class with the largest logit."""
        return self.logits.argmax(dim=1)

    def select(self, index: int) -> "Observation":
        """What was observed of one image."""
        row = slice(index, index + 1)
        labels = None if self.labels is None else self.labels[row]
        images = None if self.images is None else self.images.select(index)
        stages = MappingProxyType({name: means[row] for name, means in self.stages.items()})
        return Observation(self.features[row], self.head, self.ids[row], labels, images, stages)

    def __len__(self) -> int:
        return len(self.ids)
