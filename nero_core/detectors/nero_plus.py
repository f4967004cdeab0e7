"""NERO+: the direction of the relevance behind the decision, and its distance to the ID classes; ours, no paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means, unit_length
from nero_core.detectors.components import scatter_spectrum
from nero_core.errors import CalibrationError
from nero_core.types import Head


@dataclass(frozen=True, slots=True)
class NeroPlusTerms:
    """The NERO+ score taken apart: ``contribution`` sums to ``distance``, which is the score.

    Attributes:
        distance: ``min_c (u − μ_c)ᵀ Σ⁺ (u − μ_c)``, ≥ 0.
        nearest: index into the detector's ``classes`` of the nearest centroid.
        contribution: signed part of each channel in ``distance``.
        direction: ``u``, of unit length.
    """

    distance: Float[Tensor, " batch"]
    nearest: Int[Tensor, " batch"]
    contribution: Float[Tensor, "batch neurons"]
    direction: Float[Tensor, "batch neurons"]

    @property
    def share(self) -> Float[Tensor, "batch neurons"]:
        """``contribution``, by its former name."""
        return self.contribution


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

    **Measure in units of ID variation.** Within a class, ``u`` varies much along few directions and little along many;
    what is unusual shows in the quiet ones. With class means ``μ_c``, one covariance ``Σ`` of ``u`` within the classes,
    and its pseudo-inverse ``Σ⁺`` (directions in which the fit images do not vary do not count)::

        S(x) = min_c (u − μ_c)ᵀ Σ⁺ (u − μ_c)

    The score splits exactly over the channels, as NERO's distance does::

        S(x) = Σ_j contribution_j        contribution_j = (u − μ)_j · [Σ⁺ (u − μ)]_j

    In units of ID variance, ≥ 0; higher = more OOD. Closed form: two matrix products for a batch.

    Args:
        head: the classifier's last linear layer.

    Reference:
        Chhetri et al., NERO, MICCAI 2025 (relevance centroids); Müller & Hein, Mahalanobis++, ICML 2025 (the same
        distance on features of unit length instead of relevance: the nearest relative).

    Differs:
        From NERO in all of initial relevance, norm, metric and the two factors; ``docs/benchmark.md`` shows what each
        step does. It is a second detector and never stands in NERO's place.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(title="NERO+, a detector of the NERO Dashboard", venue="this project", year=2026, url=""),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.whitening: Tensor | None = None

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """In how many dimensions the fit images vary within their classes."""
        return {"dimensions": 0 if self.whitening is None else self.whitening.shape[1]}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "NeroPlus":
        """Fit centroids and covariance on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or no class has two images that
                differ in the direction of their relevance.
        """
        features, labels = self._feature_bank(x, y, minimum=2)
        direction = self._direction(features)
        self.classes, index = labels.unique(return_inverse=True)
        self.means = class_means(direction, labels, self.classes)
        within = direction - self.means[index]
        # Directions have length 1, so what is left of equal ones is rounding.
        if not bool(within.abs().max() > torch.finfo(within.dtype).eps * len(within)):
            raise CalibrationError(
                "Expected a class with ID images that differ. Found the same relevance within each. Add ID images."
            )
        values, vectors = scatter_spectrum(within)
        self.whitening = vectors * (len(within) / values).sqrt()
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        return self.terms(x).distance

    def terms(self, x: Float[Tensor, "batch neurons"]) -> NeroPlusTerms:
        """The score taken apart, with the exact contribution of every channel.

        Raises as ``predict_features``.
        """
        whitening = self._check_fitted(self.whitening)
        direction = self._direction(self._features(x))
        nearest = torch.cdist(direction @ whitening, self.means @ whitening).argmin(dim=1)
        offset = direction - self.means[nearest]
        white = offset @ whitening
        return NeroPlusTerms(white.square().sum(dim=1), nearest, offset * (white @ whitening.T), direction)

    def _direction(self, features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons"]:
        return unit_length(features * self.weight[self.head.logits(features).argmax(dim=1)])
