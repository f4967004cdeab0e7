"""The researcher's closer look: one channel in depth, all channels, all reference images."""

from dataclasses import dataclass
from math import nan
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.device import float64
from nero_core.types.explanation import Concept


@dataclass(frozen=True, slots=True)
class UpstreamChannels:
    """The channels of the stage before, and the relevance that reaches each of them (CRP attribution graph); largest
    first.

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

    @property
    def conservation(self) -> tuple[float, ...]:
        """Sum of each heatmap over its relevance; 1 = nothing lost, nan where that is 0."""
        return _over(self.heatmaps, self.relevance)

    @property
    def cancellation(self) -> tuple[float, ...]:
        """Σ|R| of each heatmap over |its relevance|; see ``Concept.cancellation``."""
        return _over(self.heatmaps.abs(), tuple(map(abs, self.relevance)))


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
        return () if self.heatmaps is None else _over(self.heatmaps, self.relevance)

    @property
    def cancellation(self) -> tuple[float, ...]:
        """Σ|R| of each heatmap over |its relevance|; at least that much cancels, since neighbours of unlike sign have
        been smoothed into one another. Empty without heatmaps."""
        return () if self.heatmaps is None else _over(self.heatmaps.abs(), tuple(map(abs, self.relevance)))


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """What one channel is in the whole fit bank, without any image of the user's. All tensors are on the CPU.

    Attributes:
        channel: channel number.
        by_relevance: RelMax references.
        by_activation: ActMax references.
        class_relevance: r_j of every fit image, one tensor for each ID class, in the order of the class names.
        weights: head weight of the channel for each ID class; it speaks for a class where the weight is > 0.
        ood_relevance: r_j of every image of the OOD bank, one tensor for each OOD class, in the order of their names;
            empty where the bundle has none.
        co_used: other channels and the Pearson correlation of their relevance with this one's over the fit bank, in
            [-1, 1], strongest by absolute value first.
    """

    channel: int
    by_relevance: ChannelReferences
    by_activation: ChannelReferences
    class_relevance: tuple[Float[Tensor, " _"], ...]
    weights: Float[Tensor, " classes"]
    co_used: tuple[tuple[int, float], ...]
    ood_relevance: tuple[Float[Tensor, " _"], ...] = ()


@dataclass(frozen=True, slots=True)
class ConceptDepth:
    """One channel in one image, in depth.

    Attributes:
        concept: the channel in this image: conditional heatmap, relevance, centroid, contribution, references.
        crop: box (top, left, bottom, right) around where the channel's relevance lies, in pixels of the heatmap, bottom
            and right exclusive; the whole map where the heatmap is 0 everywhere.
        summary: the channel in the fit bank.
        upstream: the channels of the stage before that pass relevance on to it in this image.
        composite: name of the composite of the heatmaps.
        sigma: standard deviation of the Gaussian that the heatmaps are shown with, in their pixels, and that ``crop``
            was found with.
    """

    concept: Concept
    crop: tuple[int, int, int, int]
    summary: ChannelSummary
    upstream: UpstreamChannels
    composite: str
    sigma: float


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
        id_few: number of the ID images whose relevance, Σ_j |r_j|, is largest: 1 % of them, at least one.
        id_few_share: their share of Σ_x Σ_j |r_j(x)|, in [0, 1]; nan where that is 0. Where it is large, the mean is
            that of a few images with a logit near 0.
        ood_few: the same of the OOD bank.
        ood_few_share: the same of the OOD bank; nan where there is none.
    """

    id: Float[Tensor, " neurons"]
    id_size: int
    id_classes: Float[Tensor, "classes neurons"]
    ood: Float[Tensor, " neurons"] | None = None
    ood_size: int = 0
    ood_classes: Float[Tensor, "ood_classes neurons"] | None = None
    id_few: int = 0
    id_few_share: float = nan
    ood_few: int = 0
    ood_few_share: float = nan


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Statistics of every channel of a bundle. All tensors are float64 or int64 on the CPU.

    Attributes:
        mean_relevance: mean r_j of each ID class over the fit bank, signed; nan for a class without fit images.
        selectivity: η², the share of the variance of r_j over the fit bank that the classes explain, in [0, 1];
            0 where r_j never varies.
        best_class: index of the class with the largest mean relevance.
        ood_auroc: AUROC of r_j, OOD bank against calibration bank: how often an OOD image has more of it than an ID
            image, in [0, 1]; nan without OOD bank.
    """

    mean_relevance: Float[Tensor, "classes neurons"]
    selectivity: Float[Tensor, " neurons"]
    best_class: Int[Tensor, " neurons"]
    ood_auroc: Float[Tensor, " neurons"]

    @property
    def separation(self) -> Float[Tensor, " neurons"]:
        """max(AUROC, 1 − AUROC), in [0.5, 1]: how well a channel alone tells ID from OOD images; nan as above."""
        return torch.maximum(self.ood_auroc, 1 - self.ood_auroc)


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
class OodOnMap:
    """Where the images of the OOD bank lie on the map of the fit images. All tensors are on the CPU.

    Attributes:
        coordinates: one point an image, no unit.
        labels: class index of each of them, into the bundle's ``ood_class_names``.
        ids: sha256 of each image's file.
    """

    coordinates: Float[Tensor, "images 2"]
    labels: Int[Tensor, " images"]
    ids: tuple[str, ...]


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


def _over(heatmaps: Float[Tensor, "maps height width"], relevance: tuple[float, ...]) -> tuple[float, ...]:
    """Sum of each map over the initial relevance; nan where that is 0."""
    sums = float64(heatmaps).sum(dim=(1, 2)).tolist()
    return tuple(
        total / relevance if relevance else float("nan") for total, relevance in zip(sums, relevance, strict=True)
    )
