"""Why: channels against the centroids, heatmaps and concepts, and whether a heatmap can be believed."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.errors import RelevanceError
from nero_core.types.distance_shares import DistanceShares
from nero_core.types.unlikeness import Unlikeness

NO_RELEVANCE = 0.05  # of what the class has: negative relevance of less is as good as none


@dataclass(frozen=True, slots=True)
class Channels:
    """Every feature channel of one image against the ID classes.

    Attributes:
        relevance: signed relevance r_j of the image.
        centroids: mean relevance of each ID class over the fit bank.
        nearest: index of the nearest class centroid.
        contribution: what each channel adds to the distance; sums to it.
    """

    relevance: Float[Tensor, " neurons"]
    centroids: Float[Tensor, "classes neurons"]
    nearest: int
    contribution: Float[Tensor, " neurons"]

    @property
    def share(self) -> Float[Tensor, " neurons"]:
        """``contribution``, by its former name."""
        return self.contribution

    @property
    def centroid(self) -> Float[Tensor, " neurons"]:
        """Mean relevance of the nearest class."""
        return self.centroids[self.nearest]

    @property
    def distance_shares(self) -> DistanceShares:
        """What the distance is made of, as a whole; see ``MissingConcept`` for the two kinds of less than usual."""
        relevance, usual = self.relevance, self.centroid
        less, counters = relevance < usual, relevance < -NO_RELEVANCE * usual.clamp_min(0)
        parts = [self.contribution[kind].sum() for kind in (~less, less & ~counters, less & counters)]
        return DistanceShares(*(torch.stack(parts) / self.contribution.sum()).tolist())


@dataclass(frozen=True, slots=True)
class Concept:
    """One feature channel, seen in the image and in the reference set.

    Attributes:
        channel: channel number.
        heatmap: conditional heatmap, signed; sums to ``relevance`` as far as relevance is conserved.
        relevance: r_j of this image.
        centroid: mean r_j of the nearest class.
        contribution: what the channel adds to the distance.
        references: ids of the fit images that use the channel most, most first.
        reference_relevance: r_j of those images.
        conservation: sum of ``heatmap`` over ``relevance``; 1 = nothing lost, nan where that is 0.
        cancellation: Σ|R| of ``heatmap`` over |``relevance``|; 1 = all of one sign and nothing lost; large = positive
            and negative parts mostly cancel, and the place says little; nan where ``relevance`` is 0.
    """

    channel: int
    heatmap: Float[Tensor, "height width"]
    relevance: float
    centroid: float
    contribution: float
    references: tuple[str, ...]
    reference_relevance: tuple[float, ...]
    conservation: float
    cancellation: float

    @property
    def share(self) -> float:
        """``contribution``, by its former name."""
        return self.contribution

    @property
    def over_used(self) -> bool:
        """True when the image uses the channel more than the nearest class does; else as much, less, or against."""
        return self.relevance > self.centroid


@dataclass(frozen=True, slots=True)
class BlockConservation:
    """Relevance at the output of one block, against the initial relevance of the explanation.

    Attributes:
        name: of the block in the model, or "pixels" for the image itself.
        relevance: sum of the relevance there, in units of the initial relevance.
        absorbed: what biases on the way there took, the class token and position embedding among them.
        ratio: ``(relevance + absorbed)`` over the initial relevance; 1 = all is accounted for, nan where that is 0.
    """

    name: str
    relevance: float
    absorbed: float
    ratio: float


@dataclass(frozen=True, slots=True)
class LogitPath:
    """The explained class's logit where integrated gradients begin and where they end.

    Attributes:
        blurred: in the blurred image: what the class gets without any detail, which has no place in the map.
        image: in the image.
    """

    blurred: float
    image: float

    @property
    def change(self) -> float:
        """``image − blurred``: what the map adds up to."""
        return self.image - self.blurred


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one image got its score. Heatmaps are at the classifier's input size, on the CPU.

    Attributes:
        id: sha256 of the image's file.
        heatmap: signed relevance of the explained class, in its probability; by integrated gradients in its logit.
        explained_class: index of that class.
        conservation: sum of ``heatmap`` over what it should sum to: the initial relevance, or by integrated gradients
            the ``path``'s change of the logit; 1 = nothing lost.
        channels: all channels against the class centroids.
        concepts: the channels asked for, in that order.
        nero_evidence: where NERO's distance comes from; sums to the positive contributions of the over-used channels as
            far as relevance is conserved.
        evidence_conservation: sum of ``nero_evidence`` over the initial relevance; nan when no channel is over-used.
        concept_conservation: the same over all concepts together: Σ sign(r_j)·Σ heatmap_j / Σ|r_j|; what one concept
            loses another may make up for, and each has a figure of its own.
        composite: name of the composite that made ``heatmap``.
        cancellation: Σ|R| of ``heatmap`` over |the initial relevance|; 1 = all of one sign and nothing lost; large =
            positive and negative parts mostly cancel; nan where that is 0.
        evidence_cancellation: the same of ``nero_evidence``.
        sigma: standard deviation of the Gaussian that the heatmaps are shown with, in their pixels; see
            ``Attributor.sigma``.
        concept_composite: name of the composite that made ``evidence`` and the concepts' heatmaps.
        path: the logit at both ends of the way that integrated gradients went; None for other composites.
        unlike: where the image is unlike the fit images; None where the bundle keeps no patches.
    """

    id: str
    heatmap: Float[Tensor, "height width"]
    explained_class: int
    conservation: float
    channels: Channels
    concepts: tuple[Concept, ...]
    nero_evidence: Float[Tensor, "height width"]
    evidence_conservation: float
    concept_conservation: float
    composite: str = ""
    cancellation: float = float("nan")
    evidence_cancellation: float = float("nan")
    sigma: float = field(kw_only=True)
    concept_composite: str = ""
    path: LogitPath | None = None
    unlike: Unlikeness | None = None

    @property
    def evidence(self) -> Float[Tensor, "height width"]:
        """Where the image is unlike the fit images, ≥ 0; ``nero_evidence`` where the bundle keeps no patches."""
        return self.nero_evidence if self.unlike is None else self.unlike.heatmap


@dataclass(frozen=True, slots=True)
class MissingConcept:
    """A channel with less relevance in the image than in the nearest class: evidence that is missing or that counters.

    Attributes:
        channel: channel number.
        relevance: r_j of this image, below ``centroid``.
        centroid: mean r_j of the nearest class.
        contribution: what the channel adds to the distance, > 0.
        references: ids of the fit images that use the channel most, most first.
        reference_relevance: r_j of those images.
    """

    channel: int
    relevance: float
    centroid: float
    contribution: float
    references: tuple[str, ...]
    reference_relevance: tuple[float, ...]

    @property
    def is_counter_evidence(self) -> bool:
        """True when the channel is active in the image and speaks against the prediction; False: the image lacks it.

        Negative relevance of less than ``NO_RELEVANCE`` of what the class has is as good as none.
        """
        return self.relevance < -NO_RELEVANCE * max(self.centroid, 0.0)


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


Output = Literal["probability", "logit"]
Imputation = Literal["blur", "linear"]


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the patches that a heatmap calls relevant are those that the classifier's output hangs on.

    Attributes:
        explained_class: index of the class whose output was followed.
        composite: of the heatmap.
        share: share of the patches exchanged at each step, from 0 to 1.
        heatmap: curves of the heatmap's order.
        gradient: curves of the plain gradient's order.
        random: mean curves of random orders; their gain is 0.
        spread: standard deviation of the gain of random orders.
        margin: gain up to which the heatmap is called weak.
        permutations: random orders, each forwards and backwards.
        seed: of the random orders.
        output: which output was followed; curves and gains are in its unit.
        imputation: what stood in the place of a patch that was taken away: the blurred image, or a smooth filling
            from what is around it.
        others: the same map by the other outputs and imputations.
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
    output: Output = "probability"
    imputation: Imputation = "blur"
    others: tuple["Faithfulness", ...] = ()

    def figures(self, output: Output, imputation: Imputation) -> "Faithfulness":
        """The figures by one output and one imputation.

        Raises:
            RelevanceError: they were not measured.
        """
        for figures in (self, *self.others):
            if (figures.output, figures.imputation) == (output, imputation):
                return figures
        measured = ", ".join(f"{figures.output} by {figures.imputation}" for figures in (self, *self.others))
        raise RelevanceError(f"Expected one of: {measured}. Found {output} by {imputation}. Measure it too.")

    @property
    def gain(self) -> float:
        """The heatmap's gain over random orders, of a probability in (−1, 1); above 0 = better than chance."""
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
        """The class's output in the image less that where nothing of it is left; near 0 the test tells little."""
        return float(self.heatmap.deletion[0] - self.heatmap.deletion[-1])
