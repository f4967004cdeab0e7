"""NERO+: features and the relevance behind the decision, and their distance to the ID classes; ours, no paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, unit_length
from nero_core.detectors.checks import Labels
from nero_core.detectors.detector import State
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.detectors.passes import Passes
from nero_core.detectors.state import StateReader, gaussian_state
from nero_core.detectors.tied_gaussian import TiedGaussian, fit_tied_gaussian, tied_gaussian_passes
from nero_core.types import Head


@dataclass(frozen=True, slots=True)
class NeroPlusTerms:
    """The NERO+ score taken apart: ``contribution`` sums to ``distance``, which is the score.

    Attributes:
        distance: ``min_c (u − μ_c)ᵀ Σ_α⁻¹ (u − μ_c)``, ≥ 0.
        nearest: index into the detector's ``classes`` of the nearest centroid.
        contribution: signed part of each channel in ``distance``, of its feature and its relevance together.
    """

    distance: Float[Tensor, " batch"]
    nearest: Int[Tensor, " batch"]
    contribution: Float[Tensor, "batch neurons"]

    @property
    def share(self) -> Float[Tensor, "batch neurons"]:
        """``contribution``, by its former name."""
        return self.contribution


class NeroPlus(HeadDetector):
    """NERO+ score from pooled features.

    **Start at the decision.** NERO spreads the softmax output by LRP-ε, ``r_j = a_j Σ_i (p_i / l_i) W_ij``, and a logit
    near 0 blows the relevance up. Relevance that starts from the predicted class's logit ``l_ŷ`` instead leaves
    through the same layer as ``a_j W_ŷj · l_ŷ / l_ŷ``: the logit cancels, ε is not needed, and what remains is each
    neuron's own contribution to the decision::

        r_j = a_j W_ŷj        Σ_j r_j = l_ŷ − b_ŷ

    **Keep the direction, of both.** ``u = [a/‖a‖₂, r/‖r‖₂]``: which neurons are active and which carry the decision,
    and in what proportion, however strongly. The strength varies much among ID images (contrast, confidence) and
    drowns the pattern; what NERO adds for magnitude, the bias term and the feature ratio, falls away with it.

    **Measure in units of ID variation.** Within a class, ``u`` varies much along few directions and little along many;
    what is unusual shows in the quiet ones. With class means ``μ_c`` and one covariance within the classes, shrunk by
    an α that the ID images choose themselves (`fit_tied_gaussian`)::

        S(x) = min_c (u − μ_c)ᵀ Σ_α⁻¹ (u − μ_c)

    The score splits exactly over the channels, as NERO's distance does::

        S(x) = Σ_j contribution_j        contribution_j = Σ_{u of j} (u − μ) [Σ_α⁻¹ (u − μ)]

    In units of ID variance, ≥ 0; higher = more OOD. Closed form: two matrix products for a batch.

    Args:
        head: the classifier's last linear layer.
        with_features: False leaves ``a/‖a‖`` out.
        shrinkage: α in [0, 1]; chosen by the ID images where None. Its first form was without features, at 0.

    Reference:
        Chhetri et al., NERO, MICCAI 2025 (relevance centroids); Müller & Hein, Mahalanobis++, ICML 2025 (the same
        distance on features of unit length alone: the nearest relative).

    Differs:
        From NERO in all of initial relevance, norm, metric and the two factors; ``docs/benchmark.md`` shows what each
        step does. It is another detector and never stands in NERO's place.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(title="NERO+, a detector of the NERO Dashboard", venue="this project", year=2026, url=""),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head, with_features: bool = True, shrinkage: float | None = None) -> None:
        super().__init__(head)
        self.with_features, self.shrinkage = with_features, shrinkage
        self.gaussian: TiedGaussian | None = None

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """α, as it was chosen or given."""
        return {"shrinkage": 0.0 if self.gaussian is None else round(self.gaussian.shrinkage, 6)}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "NeroPlus":
        """Fit centroids and covariance on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or no class has two images that
                differ.
        """
        vectors, labels = self._rows(x, y, minimum=2)
        self.classes, self.gaussian = labels.unique(), fit_tied_gaussian(vectors, labels, self.shrinkage)
        return self

    def fit_passes(self) -> Passes:
        """The same fit from sums over batches, see `fit_in_passes`."""
        self.classes, self.gaussian = yield from tied_gaussian_passes(self._rows, self.head.classes, self.shrinkage)

    def state(self) -> State:
        """Classes and their Gaussian, see `FitsInPasses`."""
        return {**gaussian_state(self._fitted_gaussian()), "classes": self.classes}

    def restore(self, state: State) -> None:
        """Take a state; raises as `FitsInPasses.restore`."""
        given = StateReader(state, self.head)
        gaussian = given.gaussian("", (1 + self.with_features) * self.head.neurons)
        self.classes, self.gaussian = given.classes(), gaussian

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        gaussian = self._fitted_gaussian()
        return scored_in_parts(lambda part: gaussian.distances(self._vector(self._features(part))).amin(dim=1), x)

    def terms(self, x: Float[Tensor, "batch neurons"]) -> NeroPlusTerms:
        """The score taken apart, with the exact contribution of every channel.

        Raises as ``predict_features``.
        """
        gaussian, vector = self._fitted_gaussian(), self._vector(self._features(x))
        distance, nearest = gaussian.distances(vector).min(dim=1)
        contribution = gaussian.contributions(vector, nearest)
        return NeroPlusTerms(distance, nearest, contribution.unflatten(1, (-1, self.head.neurons)).sum(dim=1))

    def _fitted_gaussian(self) -> TiedGaussian:
        self._check_fitted(None if self.gaussian is None else self.gaussian.means)
        assert self.gaussian is not None
        return self.gaussian

    def _rows(self, x: Tensor, y: Labels, minimum: int = 1) -> tuple[Float[Tensor, "batch _"], Int[Tensor, " batch"]]:
        features, labels = self._feature_bank(x, y, minimum)
        return self._vector(features), labels

    def _vector(self, features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch _"]:
        return decision_vector(features, self.head, self.with_features)


def decision_vector(
    features: Float[Tensor, "batch neurons"], head: Head, with_features: bool = True
) -> Float[Tensor, "batch _"]:
    """``[a/‖a‖, r/‖r‖]`` with the relevance ``r = a ⊙ W_ŷ`` of the predicted class's logit; or the latter alone."""
    relevance = unit_length(features * head.weight[head.logits(features).argmax(dim=1)])
    return torch.cat([unit_length(features), relevance], dim=1) if with_features else relevance
