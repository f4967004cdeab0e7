"""The records that flow from an uploaded file to the screen. They are frozen: each step makes a new one.

``ImageBatch`` → ``Observation`` → ``Detection`` → ``Explanation``; a ``Head`` is the classifier's last linear layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Verdict = Literal["like", "borderline", "unlike"]


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
        return features @ self.weight.to(features).T + self.bias.to(features)

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
    """

    features: Float[Tensor, "batch neurons"]
    head: Head
    ids: tuple[str, ...]
    labels: Int[Tensor, " batch"] | None = None

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

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's answer for a batch. **Higher score = more OOD, everywhere.** All tensors are on the CPU.

    Attributes:
        detector: name in the catalog.
        score: the detector's score.
        threshold: score above which an image is called OOD.
        is_ood: ``score > threshold``.
        p_value: conformal p-value in [1/(n+1), 1]; small = unlike the n calibration images.
        predicted: predicted class index.
        confidence: softmax probability of the predicted class, in [0, 1].
        calibration_size: n, the number of calibration scores behind the p-value.
        tpr: share of ID images that the threshold was set to accept, in (0, 1).
        terms: parts of the score. For NERO ``distance``, ``bias``, ``scale``, ``nearest`` (class index), each
            ``batch``, with score = (distance + bias) · scale; and ``share`` ``batch neurons``, which sums to
            ``distance``. For NERO+ ``distance`` (the score), ``nearest`` and ``share``.
            Empty for detectors whose score is one number.
    """

    detector: str
    score: Float[Tensor, " batch"]
    threshold: float
    is_ood: Bool[Tensor, " batch"]
    p_value: Float[Tensor, " batch"]
    predicted: Int[Tensor, " batch"]
    confidence: Float[Tensor, " batch"]
    calibration_size: int
    tpr: float
    terms: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))

    def verdict(self, index: int) -> Verdict:
        """Three words for one image: ``unlike`` above the threshold, ``borderline`` when it is accepted but its p-value
        is at most twice the rejected share, ``2·(1 − tpr)``, else ``like``."""
        if bool(self.is_ood[index]):
            return "unlike"
        return "borderline" if float(self.p_value[index]) <= 2 * (1 - self.tpr) + 1e-12 else "like"

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """One detector's scores over the bundle's banks, for the histogram. All tensors are on the CPU.

    Attributes:
        detector: name in the catalog.
        calibration: scores of the calibration images (ID, never fitted on).
        calibration_labels: their class indices, into the bundle's ``class_names``.
        ood: scores of the OOD bank, or None where the bundle has none.
        ood_labels: their class indices, into the bundle's ``ood_class_names``.
        threshold: score above which an image is called OOD.
        tpr: share of ID images that the threshold was set to accept.
    """

    detector: str
    calibration: Float[Tensor, " calibration"]
    calibration_labels: Int[Tensor, " calibration"]
    ood: Float[Tensor, " ood"] | None
    ood_labels: Int[Tensor, " ood"] | None
    threshold: float
    tpr: float


@dataclass(frozen=True, slots=True)
class Channels:
    """Every feature channel of one image against the ID classes.

    Attributes:
        relevance: signed relevance r_j of the image.
        centroids: mean relevance of each ID class over the fit bank.
        nearest: index of the nearest class centroid.
        share: what each channel adds to the distance; sums to it.
    """

    relevance: Float[Tensor, " neurons"]
    centroids: Float[Tensor, "classes neurons"]
    nearest: int
    share: Float[Tensor, " neurons"]

    @property
    def centroid(self) -> Float[Tensor, " neurons"]:
        """Mean relevance of the nearest class."""
        return self.centroids[self.nearest]


@dataclass(frozen=True, slots=True)
class Concept:
    """One feature channel, seen in the image and in the reference set.

    Attributes:
        channel: channel number.
        heatmap: conditional heatmap, signed; sums to ``relevance`` as far as relevance is conserved.
        relevance: r_j of this image.
        centroid: mean r_j of the nearest class.
        share: what the channel adds to the distance.
        references: ids of the fit images that use the channel most, most first.
        reference_relevance: r_j of those images.
    """

    channel: int
    heatmap: Float[Tensor, "height width"]
    relevance: float
    centroid: float
    share: float
    references: tuple[str, ...]
    reference_relevance: tuple[float, ...]

    @property
    def over_used(self) -> bool:
        """True when the image uses the channel more than the nearest class does; False is missing evidence."""
        return self.relevance > self.centroid


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one image got its score. Heatmaps are at the classifier's input size, on the CPU.

    Attributes:
        id: sha256 of the image's file.
        heatmap: signed relevance of the explained class.
        explained_class: index of that class.
        conservation: sum of ``heatmap`` over the relevance it started from; 1 = nothing lost.
        channels: all channels against the class centroids.
        concepts: the channels asked for, in that order.
        evidence: where the distance comes from; sums to the positive shares of the over-used channels as far as
            relevance is conserved.
        evidence_conservation: sum of ``evidence`` over what it started from; nan when no channel is over-used.
        concept_conservation: the same over all concepts together: Σ|Σ heatmap_j| / Σ|r_j|.
    """

    id: str
    heatmap: Float[Tensor, "height width"]
    explained_class: int
    conservation: float
    channels: Channels
    concepts: tuple[Concept, ...]
    evidence: Float[Tensor, "height width"]
    evidence_conservation: float
    concept_conservation: float
