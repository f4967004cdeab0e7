"""NERO+: the direction of the relevance behind the decision, and its distance to the ID classes; ours, no paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means, unit_length
from nero_core.errors import CalibrationError
from nero_core.types import Head


@dataclass(frozen=True, slots=True)
class NeroPlusTerms:
    """The NERO+ score taken apart: ``share`` sums to ``distance``, which is the score.

    Attributes:
        distance: ``min_c (u − μ_c)ᵀ Σ⁻¹ (u − μ_c)``, ≥ 0.
        nearest: index into the detector's ``classes`` of the nearest centroid.
        share: signed part of each channel in ``distance``.
        direction: ``u``, of unit length.
    """

    distance: Float[Tensor, " batch"]
    nearest: Int[Tensor, " batch"]
    share: Float[Tensor, "batch neurons"]
    direction: Float[Tensor, "batch neurons"]


class NeroPlus(HeadDetector):
    """NERO+ score from pooled features; it has no hyper-parameter.

    **Start at the decision.** NERO spreads the softmax output by LRP-ε, ``r_j = a_j Σ_i (p_i / l_i) W_ij``, and a logit
    near 0 blows the relevance up. Relevance that starts from the predicted class's logit ``l_ŷ`` instead leaves
    through the same layer as ``a_j W_ŷj · l_ŷ / l_ŷ``: the logit cancels, ε is not needed, and what remains is each
    neuron's own contribution to the decision::

        r_j = a_j W_ŷj        Σ_j r_j = l_ŷ − b_ŷ

    **Keep its direction.** ``u = r / ‖r‖₂``: which neurons carry the decision and in what proportion, however strongly.
    The strength varies much among ID images (contrast, confidence) and drowns the pattern; what NERO adds for
    magnitude, the bias term and the feature ratio, falls away with it.

    **Measure in units of ID variation.** Within a class, ``u`` varies much along few directions. With class means
    ``μ_c`` and one covariance ``S`` within the classes, shrunk towards a multiple of the identity by the share
    ``s ∈ [0, 1]`` that Ledoit and Wolf derive from the fit images (so that it can be inverted with fewer images than
    neurons, as long as they differ)::

        Σ    = (1 − s) S + s (tr S / D) I
        S(x) = min_c (u − μ_c)ᵀ Σ⁻¹ (u − μ_c)

    The score splits exactly over the channels, as NERO's distance does::

        S(x) = Σ_j share_j        share_j = (u − μ)_j · [Σ⁻¹ (u − μ)]_j

    In units of ID variance, ≥ 0; higher = more OOD. Closed form: two matrix products for a batch.

    Args:
        head: the classifier's last linear layer.

    Reference:
        Chhetri et al., NERO, MICCAI 2025 (relevance centroids); Müller & Hein, Mahalanobis++, ICML 2025 (the same
        distance on features of unit length, not shrunk: the nearest relative); Ledoit & Wolf, J. Multivariate Analysis
        88, 2004 (shrinkage, Lemma 3.1 and section 3.3).

    Differs:
        From NERO in all of start, norm, metric and the two factors; ``docs/benchmark.md`` shows what each step does.
        It is a second detector and never stands in NERO's place. The shrinkage takes the rows as if their class means
        were known, n for n − C degrees of freedom.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(title="NERO+, a detector of the NERO Dashboard", venue="this project", year=2026, url=""),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.precision: Tensor | None = None
        self.shrinkage = 0.0

    @property
    def found(self) -> Mapping[str, Any]:
        """The share of shrinkage."""
        return {"shrinkage": self.shrinkage}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "NeroPlus":
        """Fit centroids and the shrunk covariance on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or no class has two images that
                differ in the direction of their relevance.
        """
        features, labels = self._bank(x, y, least=2)
        direction = self._direction(features)
        self.classes, index = labels.unique(return_inverse=True)
        self.means = class_means(direction, labels, self.classes)
        within = direction - self.means[index]
        # Directions have length 1, so what is left of equal ones is rounding.
        if not bool(within.abs().max() > torch.finfo(within.dtype).eps * len(within)):
            raise CalibrationError(
                "Expected a class with ID images that differ. Found the same relevance within each. Add ID images."
            )
        covariance, self.shrinkage = shrunk_covariance(within)
        values, vectors = torch.linalg.eigh(covariance)
        if not bool(values[0] > values[-1] * len(values) * torch.finfo(values.dtype).eps):
            raise CalibrationError(
                f"Expected enough ID images to shrink their covariance. Found {len(within)} of {len(self.classes)} "
                "classes, which leave it singular. Add ID images."
            )
        self.precision = (vectors / values) @ vectors.T
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        return self.terms(x).distance

    def terms(self, x: Float[Tensor, "batch neurons"]) -> NeroPlusTerms:
        """The score taken apart, with the exact share of every channel.

        Raises as ``predict_features``.
        """
        precision = self._check_fitted(self.precision)
        direction = self._direction(self._features(x))
        nearest = self._nearest(direction, precision)
        offset = direction - self.means[nearest]
        share = offset * (offset @ precision)
        return NeroPlusTerms(share.sum(dim=1).clamp_min(0), nearest, share, direction)

    def _nearest(
        self, direction: Float[Tensor, "batch neurons"], precision: Float[Tensor, "neurons neurons"]
    ) -> Int[Tensor, " batch"]:
        """Class of the nearest centroid: ``uᵀΣ⁻¹u`` is the same for all classes and need not be computed."""
        towards = self.means @ precision
        linear: Tensor = (towards * self.means).sum(dim=1) - 2 * direction @ towards.T
        return linear.argmin(dim=1)

    def _direction(self, features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons"]:
        return unit_length(features * self.weight[self.head.logits(features).argmax(dim=1)])


def shrunk_covariance(
    centred: Float[Tensor, "batch neurons"],
) -> tuple[Float[Tensor, "neurons neurons"], float]:
    """Ledoit and Wolf's covariance ``(1 − s) S + s m I`` and its share ``s``, for rows of mean 0.

    With ``S = XᵀX / n``, ``m = tr S / D`` and Frobenius norms::

        s = min(1, b² / d²)      d² = ‖S − m I‖²      b² = Σ_x ‖x xᵀ − S‖² / n² = (Σ_x ‖x‖⁴ / n − ‖S‖²) / n
    """
    images, neurons = centred.shape
    covariance = centred.T @ centred / images
    mean = covariance.diagonal().mean()
    identity = torch.eye(neurons, dtype=covariance.dtype, device=covariance.device)
    spread = (covariance - mean * identity).square().sum()
    noise = (centred.square().sum(dim=1).square().mean() - covariance.square().sum()) / images
    share = float((noise / spread).clamp(0, 1)) if spread > 0 else 1.0
    return (1 - share) * covariance + share * mean * identity, share
