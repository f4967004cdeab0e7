"""NERO: neuron-level relevance, and its distance to the relevance centroids of the ID classes."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means, unit_length
from nero_core.detectors.checks import Labels
from nero_core.detectors.components import principal_components, spectrum_of
from nero_core.detectors.detector import State
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.detectors.moments import Moments, RowsOf, batch_moments
from nero_core.detectors.passes import Passes, Sums
from nero_core.detectors.state import StateReader
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Head

_PUBLISHED_K = {384: 175, 512: 175}  # channels → the authors' k


@dataclass(frozen=True, slots=True)
class NeroTerms:
    """The NERO score taken apart: ``score = (distance + bias) · scale``, and ``contribution`` sums to ``distance``.

    Attributes:
        distance: ``min_c ‖P(r) − μ_c‖``, ≥ 0, in the detector's norm.
        bias: ``λ·|r_β|``, ≥ 0.
        scale: ``ρ``, in [0, 1].
        nearest: index into the detector's ``classes`` of the nearest centroid.
        contribution: signed part of each channel in ``distance``.
        relevance: ``r``.
    """

    distance: Float[Tensor, " batch"]
    bias: Float[Tensor, " batch"]
    scale: Float[Tensor, " batch"]
    nearest: Int[Tensor, " batch"]
    contribution: Float[Tensor, "batch neurons"]
    relevance: Float[Tensor, "batch neurons"]

    @property
    def share(self) -> Float[Tensor, "batch neurons"]:
        """``contribution``, by its former name."""
        return self.contribution

    @property
    def score(self) -> Float[Tensor, " batch"]:
        """``(distance + bias) · scale``; higher = more OOD."""
        return (self.distance + self.bias) * self.scale


class NERO(HeadDetector):
    """NERO score from pooled features.

    With relevance ``r`` and bias relevance ``r_β`` of the head (``nero_core.relevance.head``), a PCA ``P`` of the fit
    relevance (without the bias), class means ``μ_c`` of ``P(r)``, and class means ``ν_c`` of ``[r, r_β]``::

        S(x) = ( min_c ‖P(r(x)) − μ_c‖₁ + λ·|r_β(x)| ) · ρ(x)
        λ    = mean_x min_c ‖[r, r_β](x) − ν_c‖₁ / mean_x |r_β(x)|
        ρ(x) = Σ_{j∈K} |a_j| / Σ_j |a_j|      K = the k channels of least (signed) relevance in x

    The PCA is exact (eigendecomposition of the covariance, float64, on the device). The distance splits exactly over
    the channels. With components ``v_q``, mean raw relevance ``m`` of the nearest class and signs
    ``s_q = sign(v_q·(r − m))``::

        ‖P(r) − μ‖₁ = Σ_q |v_q·(r − m)| = Σ_j contribution_j      contribution_j = (r_j − m_j) · Σ_q s_q v_qj

    Args:
        head: the classifier's last linear layer.
        epsilon: ε of the LRP rule, in units of a logit.
        component_share: PCA components over channels; the authors keep ⌊2D/3⌋.
        k: channels of least relevance in ρ; None = the authors' 175 for D = 512 and D = 384, and ``round(175/512·D)``
            for any other D.
        norm: of the distance and of λ: 1 as published, or 2.
        least: ``k`` by its former name, under which bundles and results record it.

    Reference:
        Chhetri et al., NERO: explainable out-of-distribution detection with neuron-level relevance, MICCAI 2025.

    Differs:
        The PCA of the published code is randomised at these sizes; this one is exact. With fewer fit images than
        components the rank of the covariance bounds them, and ``components_found`` tells how many were kept. When all
        features are 0, ρ = 1, so that an empty observation does not score 0. ``norm=2`` is not the paper's: distance
        and λ are then Euclidean, and with ``o = r − m`` the distance splits as exactly, since
        ``‖P o‖₂ = oᵀ(PᵀP o) / ‖P o‖₂``: ``contribution_j = o_j · (PᵀP o)_j / ‖P o‖₂``, 0 at the centroid itself.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="NERO: Explainable Out-of-Distribution Detection with Neuron-level Relevance",
            venue="MICCAI",
            year=2025,
            url="https://arxiv.org/abs/2506.15404",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(
        self,
        head: Head,
        epsilon: float = 1e-6,
        component_share: float = 2 / 3,
        k: int | None = None,
        norm: int = 1,
        least: int | None = None,
    ) -> None:
        if epsilon < 0:
            raise CalibrationError(f"Expected ε ≥ 0. Found {epsilon}. Give 0 for the published rule.")
        if not 0 < component_share <= 1:
            raise CalibrationError(
                f"Expected a share of components in (0, 1]. Found {component_share}. The paper has 2/3."
            )
        if norm not in (1, 2):
            raise CalibrationError(f"Expected a norm of 1 or 2. Found {norm}. The paper has 1.")
        super().__init__(head)
        self.epsilon, self.norm = epsilon, norm
        # The tiny addend keeps floor(2D/3) exact where 2/3 is rounded down.
        self.components_wanted = int(component_share * head.neurons + 1e-9)
        k = least if k is None else k
        self.k = _PUBLISHED_K.get(head.neurons, round(175 / 512 * head.neurons)) if k is None else k
        self._check_k()
        self.components: Tensor | None = None

    @property
    def components_found(self) -> int:
        """Number of PCA components kept: ``components_wanted``, or the rank of the fit relevance where that is less."""
        return 0 if self.components is None else self.components.shape[0]

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """k, the number of components kept, and λ."""
        return {"least": self.k, "components": self.components_found, "bias_scale": float(self.bias_scale)}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "NERO":
        """Fit PCA, centroids and bias scale on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, there are under 2 images, or features are not finite.
        """
        with_bias, labels = self._rows(x, y, minimum=2)
        classes = labels.unique()
        means = class_means(with_bias, labels, classes)
        components = principal_components(with_bias[:, :-1], self.components_wanted)
        self._keep(classes, means, components, _spread(with_bias, means, self.norm))
        return self

    def fit_passes(self) -> Passes:
        """The same fit from sums over batches, see `fit_in_passes`."""
        moments: Moments = yield partial(batch_moments, self._rows, self.head.classes)
        moments.check_enough()
        classes, neurons = moments.classes, self.head.neurons
        _, vectors = spectrum_of(moments.scatter_about(moments.mean)[:neurons, :neurons], moments.images)
        means = moments.means[classes]
        spread = yield partial(_batch_spread, self._rows, means, self.norm)
        self._keep(classes, means, vectors[:, : self.components_wanted].T.contiguous(), spread)

    def state(self) -> State:
        """Classes, their means, components and λ; depends on ε and the norm alone, but for the number of components."""
        components = self._check_fitted(self.components)
        return {"classes": self.classes, "means": self.means, "components": components, "bias_scale": self.bias_scale}

    def restore(self, state: State) -> None:
        """Take a state, of its components as many as this detector wants; raises as `FitsInPasses.restore`."""
        given, neurons = StateReader(state, self.head), self.head.neurons
        self.classes = given.classes()
        self.means = given.numbers("means", len(self.classes), neurons)
        self.components = given.numbers("components", None, neurons)[: self.components_wanted]
        self.centroids, self.bias_scale = self.means @ self.components.T, given.numbers("bias_scale", least=0.0)

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        self._check_fitted(self.components)
        return scored_in_parts(self._score, x, at_once=1024)  # these stay in the processor's cache

    def terms(self, x: Float[Tensor, "batch neurons"]) -> NeroTerms:
        """The score taken apart, with the exact contribution of every channel to the distance.

        Raises as ``predict_features``.
        """
        relevance, bias, distance, components = self._distance(x)
        smallest, nearest = distance.min(dim=1)
        offset = relevance - self.means[nearest]
        pull = offset @ components.T  # P o; below: the gradient of its norm; contribution = offset · gradient
        slope = pull.sign() if self.norm == 1 else unit_length(pull)
        contribution = offset * (slope @ components)
        return NeroTerms(
            smallest, self.bias_scale * bias.abs(), self._scale(x, relevance), nearest, contribution, relevance
        )

    def distances(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch classes"]:
        """``‖P(r) − μ_c‖`` to the centroid of every class, ≥ 0, in the order of ``classes``.

        Raises as ``predict_features``.
        """
        return self._distance(x)[2]

    def bias_relevance(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``r_β``, signed: with ``Σ_j r_j`` it makes up the softmax output, but for ε."""
        return self._relevance(x)[1]

    def narrowed(self, component_share: float, k: int) -> "NERO":
        """This fit with fewer components or another k: what a fresh fit would be, without another decomposition.

        Components are sorted by their variance, so that fewer are the first of many; relevance, class means and λ
        depend on neither.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: k or the share is outside its range, or asks for more components than this fit kept.
        """
        components = self._check_fitted(self.components)
        narrow = copy.copy(self)
        narrow.components_wanted, narrow.k = int(component_share * self.weight.shape[1] + 1e-9), k
        narrow._check_k()
        if not 0 < component_share <= 1 or narrow.components_wanted > self.components_wanted:
            most = self.components_wanted / self.weight.shape[1]
            raise CalibrationError(
                f"Expected a share of components in (0, {most:.4g}]. Found {component_share}. Fit again for more."
            )
        narrow.components = components[: narrow.components_wanted].contiguous()
        narrow.centroids = self.means @ narrow.components.T
        return narrow

    def _check_k(self) -> None:
        neurons = self.weight.shape[1]
        if not 1 <= self.k <= neurons:
            raise CalibrationError(
                f"Expected k between 1 and {neurons} channels. Found {self.k}. The paper has 175 for 512."
            )

    def _rows(
        self, x: Tensor, y: Labels, minimum: int = 1
    ) -> tuple[Float[Tensor, "batch neurons_and_bias"], Int[Tensor, " batch"]]:
        features, labels = self._feature_bank(x, y, minimum)
        relevance, bias = self._relevance(features)
        if not bool(relevance.isfinite().all() and bias.isfinite().all()):
            raise CalibrationError("Expected finite relevance. Found NaN or infinity: a logit is 0. Raise ε.")
        return torch.cat([relevance, bias[:, None]], dim=1), labels

    def _keep(self, classes: Tensor, means: Tensor, components: Tensor, spread: Sums) -> None:
        self.classes, self.means, self.components = classes, means[:, :-1].contiguous(), components
        self.centroids = self.means @ components.T
        distance, size = spread.values / spread.images
        self.bias_scale = torch.where(size > 0, distance / size.clamp_min(torch.finfo(size.dtype).tiny), 0.0)

    def _relevance(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return neuron_relevance(self._features(x), self.head, self.epsilon)

    def _distance(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        components = self._check_fitted(self.components)
        relevance, bias = self._relevance(x)
        distance = _pairwise(relevance @ components.T, self.centroids, self.norm)
        return relevance, bias, distance, components

    def _score(self, x: Tensor) -> Tensor:
        relevance, bias, distance, _ = self._distance(x)
        return (distance.amin(dim=1) + self.bias_scale * bias.abs()) * self._scale(x, relevance)

    def _scale(self, x: Tensor, relevance: Tensor) -> Tensor:
        activation = float64(x.detach()).to(relevance.device).abs()
        # Ties are of channels with a = 0, which add nothing: relevance is a times a number, zero almost never.
        lowest = relevance.topk(self.k, dim=1, largest=False, sorted=False).indices
        part, total = activation.gather(1, lowest).sum(dim=1), activation.sum(dim=1)
        return torch.where(total > 0, part / total.clamp_min(torch.finfo(total.dtype).tiny), 1.0)


def _spread(with_bias: Tensor, means: Tensor, norm: int) -> Sums:
    """Sums of the distance to the nearest mean, and of ``|r_β|``."""
    distance = _pairwise(with_bias, means, norm).amin(dim=1)
    return Sums(len(with_bias), torch.stack([distance.sum(), with_bias[:, -1].abs().sum()]))


def _batch_spread(rows: RowsOf, means: Tensor, norm: int, x: Tensor, y: Labels) -> Sums:
    return _spread(rows(x, y)[0], means, norm)


def _pairwise(x: Tensor, y: Tensor, norm: int) -> Tensor:
    """Distances of all rows; the Euclidean one by differences, since by products near ones lose their digits."""
    distance: Tensor = torch.cdist(x, y, p=norm, compute_mode="donot_use_mm_for_euclid_dist")
    return distance
