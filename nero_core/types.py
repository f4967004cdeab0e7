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
class BlockConservation:
    """Relevance at the output of one block, against what the explanation started from.

    Attributes:
        name: of the block in the model, or "pixels" for the image itself.
        relevance: sum of the relevance there, in units of the start.
        absorbed: what biases between the start and there took, the class token and position embedding among them.
        ratio: ``(relevance + absorbed)`` over the start; 1 = all is accounted for, nan where the start sums to 0.
    """

    name: str
    relevance: float
    absorbed: float
    ratio: float


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
        concept_conservation: the same over all concepts together: Σ sign(r_j)·Σ heatmap_j / Σ|r_j|.
        composite: name of the composite that made the heatmaps.
        cancellation: Σ|R| of ``heatmap`` over |what it started from|; 1 = all of one sign and nothing lost; large =
            positive and negative parts mostly cancel; nan where nothing started.
        evidence_cancellation: the same of ``evidence``.
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
    composite: str = ""
    cancellation: float = float("nan")
    evidence_cancellation: float = float("nan")


@dataclass(frozen=True, slots=True)
class Feeding:
    """Which channels of the stage before feed what was propagated (CRP attribution graph), strongest first.

    Attributes:
        stage: name of that stage in the model.
        channels: channel numbers there, by |relevance|, largest first.
        relevance: relevance that reaches each of them, signed, summed over space or tokens.
        heatmaps: conditional heatmap of each of them, signed; on the CPU.
    """

    stage: str
    channels: tuple[int, ...]
    relevance: tuple[float, ...]
    heatmaps: Float[Tensor, "channels height width"]


@dataclass(frozen=True, slots=True)
class ChannelReferences:
    """The fit images that use one channel most, each with its own conditional heatmap. All tensors are on the CPU.

    Attributes:
        channel: channel number.
        by: what they were chosen by: "relevance" is RelMax, "activation" is ActMax.
        ids: ids of the fit images, most first; fewer than asked for, or none, where fewer images have a value > 0.
        values: what they were chosen by: r_j, or the activation a_j; > 0, largest first.
        relevance: r_j of each of them, signed; the same as ``values`` for RelMax.
        heatmaps: conditional heatmap of the channel in each of them, signed, smoothed as on the screen; a cell holds
            the sum over its patch of the image, so that a map sums to its ``relevance`` as far as that is conserved.
            None where the architecture has no honest heatmap.
        composite: name of the composite that made the heatmaps, "" where there are none.
        from_thumbnails: True when the heatmaps were made from the small pictures of the bundle instead of the images
            themselves, and so show the place only roughly; values and relevance are those of the images all the same.
    """

    channel: int
    by: Literal["relevance", "activation"]
    ids: tuple[str, ...]
    values: tuple[float, ...]
    relevance: tuple[float, ...]
    heatmaps: Float[Tensor, "references 16 16"] | None
    composite: str = ""
    from_thumbnails: bool = False

    @property
    def conservation(self) -> tuple[float, ...]:
        """Sum of each heatmap over its relevance; 1 = nothing lost, nan where that is 0. Empty without heatmaps."""
        if self.heatmaps is None:
            return ()
        sums = self.heatmaps.double().sum(dim=(1, 2)).tolist()
        return tuple(one / of if of else float("nan") for one, of in zip(sums, self.relevance, strict=True))


@dataclass(frozen=True, slots=True)
class ChannelPortrait:
    """What one channel is in the whole fit bank, without any image of the user's. All tensors are on the CPU.

    Attributes:
        channel: channel number.
        by_relevance: RelMax references.
        by_activation: ActMax references.
        class_relevance: r_j of every fit image, one tensor for each ID class, in the order of the class names.
        weights: head weight of the channel for each ID class; it speaks for a class where the weight is > 0.
        co_used: other channels and the Pearson correlation of their relevance with this one's over the fit bank, in
            [-1, 1], strongest by absolute value first.
    """

    channel: int
    by_relevance: ChannelReferences
    by_activation: ChannelReferences
    class_relevance: tuple[Float[Tensor, " _"], ...]
    weights: Float[Tensor, " classes"]
    co_used: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class ConceptDepth:
    """One channel in one image, in depth.

    Attributes:
        concept: the channel in this image: conditional heatmap, relevance, centroid, share, references.
        conservation: sum of the conditional heatmap over ``concept.relevance``; nan where that is 0.
        crop: box (top, left, bottom, right) around where the channel's relevance lies, in pixels of the heatmap, bottom
            and right exclusive; the whole map where the heatmap is 0 everywhere.
        portrait: the channel in the fit bank.
        feeding: the channels of the stage before that feed it in this image.
        composite: name of the composite of the heatmaps.
    """

    concept: Concept
    conservation: float
    crop: tuple[int, int, int, int]
    portrait: ChannelPortrait
    feeding: Feeding
    composite: str


@dataclass(frozen=True, slots=True)
class FlippingCurves:
    """A class's output while patches of the image are exchanged in one order; ``steps`` values, from none to all.

    Attributes:
        deletion: patches of the image replaced by the baseline, the first in the order first.
        insertion: patches of the image put into the baseline, the first in the order first.
    """

    deletion: Float[Tensor, " steps"]
    insertion: Float[Tensor, " steps"]

    @property
    def deletion_area(self) -> float:
        """Mean of the deletion curve over the share of patches; small for a faithful order."""
        return float(torch.trapezoid(self.deletion) / (len(self.deletion) - 1))

    @property
    def insertion_area(self) -> float:
        """Mean of the insertion curve over the share of patches; large for a faithful order."""
        return float(torch.trapezoid(self.insertion) / (len(self.insertion) - 1))

    @property
    def gain(self) -> float:
        """``insertion_area − deletion_area``; for a probability in (−1, 1), 0 for a random order on average."""
        return self.insertion_area - self.deletion_area


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the patches that a heatmap calls relevant are those that the classifier's output hangs on.

    Attributes:
        explained_class: index of the class whose probability was followed.
        composite: of the heatmap.
        share: share of the patches exchanged at each step, from 0 to 1.
        heatmap: curves of the heatmap's order.
        gradient: curves of the plain gradient's order.
        random: mean curves of random orders; their gain is 0.
        spread: standard deviation of the gain of random orders.
        margin: gain up to which the heatmap is called weak.
        permutations: random orders, each forwards and backwards.
        seed: of the random orders.
    """

    explained_class: int
    composite: str
    share: Float[Tensor, " steps"]
    heatmap: FlippingCurves
    gradient: FlippingCurves
    random: FlippingCurves
    spread: float
    margin: float
    permutations: int
    seed: int

    @property
    def gain(self) -> float:
        """The heatmap's gain over random orders, in (−1, 1); above 0 = better than chance, higher = more faithful."""
        return self.heatmap.gain - self.random.gain

    @property
    def gradient_gain(self) -> float:
        """The same of the plain gradient."""
        return self.gradient.gain - self.random.gain

    @property
    def is_weak(self) -> bool:
        """True when the heatmap's order is no better than chance, by the margin."""
        return self.gain <= self.margin

    @property
    def contrast(self) -> float:
        """The class's probability in the image less that in the baseline, in [−1, 1]; near 0 the test tells little."""
        return float(self.heatmap.deletion[0] - self.heatmap.deletion[-1])


@dataclass(frozen=True, slots=True)
class MeanRelevance:
    """Mean relevance of every channel over images that no detector was fitted on, ID against OOD; on the CPU.

    Attributes:
        id: mean r_j over the calibration bank, signed, a probability.
        id_size: number of its images that are averaged: those whose relevance is finite.
        id_classes: the same for each ID class; nan where the bank has no image of it.
        ood: mean r_j over the OOD bank, or None where the bundle has none.
        ood_size: number of its images that are averaged, 0 where there is none.
        ood_classes: the same for each OOD class, or None.
    """

    id: Float[Tensor, " neurons"]
    id_size: int
    id_classes: Float[Tensor, "classes neurons"]
    ood: Float[Tensor, " neurons"] | None = None
    ood_size: int = 0
    ood_classes: Float[Tensor, "ood_classes neurons"] | None = None


@dataclass(frozen=True, slots=True)
class WhatIfSettings:
    """The hyper-parameters of NERO that a researcher may move; none of them asks for another forward pass.

    Attributes:
        epsilon: ε of the LRP rule, ≥ 0, in units of a logit.
        component_share: PCA components over channels, in (0, 1].
        least: k, the number of channels of least relevance.
        norm: of the distance: 1 as published, or 2.
        tpr: share of ID images that the threshold accepts, in (0, 1).
    """

    epsilon: float
    component_share: float
    least: int
    norm: int
    tpr: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """NERO under other settings, fitted and calibrated anew on the bundle's banks. All tensors are on the CPU.

    Attributes:
        settings: what it was fitted with.
        detection: of one image; its ``terms`` hold besides NERO's own ``relevance`` (batch × neurons),
            ``bias_relevance`` (batch, signed) and ``distances`` to every class (batch × classes).
        reference: scores of the calibration images and of the OOD bank, with the threshold.
        channels: every channel of the image against the class means, under these settings.
        components: PCA components that the fit images gave.
        bias_scale: λ.
        auroc: of the calibration images against the OOD bank, in [0, 1]; nan where the bundle has no OOD bank.
        fpr95: share of the OOD bank accepted where 95 % of the calibration images are; nan as above.
    """

    settings: WhatIfSettings
    detection: Detection
    reference: ReferenceScores
    channels: Channels
    components: int
    bias_scale: float
    auroc: float
    fpr95: float

    @property
    def score(self) -> float:
        """Of the image; higher = more OOD."""
        return float(self.detection.score[0])

    @property
    def threshold(self) -> float:
        """Score above which an image is called OOD."""
        return self.detection.threshold

    @property
    def p_value(self) -> float:
        """Conformal p-value of the image."""
        return float(self.detection.p_value[0])

    @property
    def is_ood(self) -> bool:
        """``score > threshold``."""
        return bool(self.detection.is_ood[0])


@dataclass(frozen=True, slots=True)
class ChannelAtlas:
    """Every channel of a bundle in figures. All tensors are float64 or int64 on the CPU.

    Attributes:
        mean_relevance: mean r_j of each ID class over the fit bank, signed; nan for a class without fit images.
        selectivity: η², the share of the variance of r_j over the fit bank that the classes explain, in [0, 1];
            0 where r_j never varies.
        best_class: index of the class with the largest mean relevance.
        separation: max(AUROC, 1 − AUROC) of r_j, calibration bank against OOD bank, in [0.5, 1]; nan without OOD bank.
    """

    mean_relevance: Float[Tensor, "classes neurons"]
    selectivity: Float[Tensor, " neurons"]
    best_class: Int[Tensor, " neurons"]
    separation: Float[Tensor, " neurons"]


@dataclass(frozen=True, slots=True)
class RelevanceMap:
    """The relevance vectors of all fit images in the plane. All tensors are on the CPU.

    Attributes:
        kind: "pca" or "umap".
        coordinates: one point a fit image, no unit.
        labels: class index of each image.
        ids: sha256 of each image's file.
        explained: share of the variance that the two axes keep, in [0, 1]; nan for UMAP, whose axes have none.
    """

    kind: Literal["pca", "umap"]
    coordinates: Float[Tensor, "images 2"]
    labels: Int[Tensor, " images"]
    ids: tuple[str, ...]
    explained: float


@dataclass(frozen=True, slots=True)
class MapPlace:
    """Where one image lies among the fit images.

    Attributes:
        here: its point on the map.
        nearest: ids of the fit images nearest to it by the distance of NERO's score (not on the map), nearest first.
        distances: ‖P(r) − P(r')‖₁ to each of them, ≥ 0, smallest first.
    """

    here: Float[Tensor, " 2"]
    nearest: tuple[str, ...]
    distances: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MissingConcept:
    """An under-used channel: evidence that the nearest class has and the image has not.

    Attributes:
        channel: channel number.
        relevance: r_j of this image, below ``centroid``.
        centroid: mean r_j of the nearest class.
        share: what the channel adds to the distance, > 0.
        references: ids of the fit images that use the channel most, most first.
        reference_relevance: r_j of those images.
    """

    channel: int
    relevance: float
    centroid: float
    share: float
    references: tuple[str, ...]
    reference_relevance: tuple[float, ...]
