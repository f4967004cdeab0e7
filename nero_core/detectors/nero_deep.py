"""NERO at every depth: how unlike an image is at each stage of the network; ours, no paper's."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, stage_columns, unit_length
from nero_core.detectors.checks import Labels
from nero_core.detectors.detector import State
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.detectors.nero_plus import decision_vector
from nero_core.detectors.passes import Passes, side_by_side
from nero_core.detectors.state import StateReader, gaussian_state
from nero_core.detectors.tied_gaussian import TiedGaussian, fit_tied_gaussian, tied_gaussian_passes
from nero_core.types import LAST_STAGE, Head


@dataclass(frozen=True, slots=True)
class DeepTerms:
    """The score taken apart: ``parts`` sums to it over the stages, and ``contribution`` to a stage's distance.

    Attributes:
        score: ``Σ_s z_s``.
        parts: ``z_s`` of each stage, in the order of the network, ``features`` last.
        distance: ``d_s ≥ 0`` of each stage.
        nearest: index into the detector's ``classes`` of the class that is nearest at each stage.
        contribution: signed part of each channel in the stage's distance.
        less: share of each stage's distance that comes from entries of ``u_s`` below their class mean, of what is
            missing: ``Σ_{j: u_j < μ_j} (u_s − μ)_j [Σ_α⁻¹ (u_s − μ)]_j / d_s``, any real number; with the share of the
            others it sums to 1. nan where the distance is 0.
    """

    score: Float[Tensor, " batch"]
    parts: Mapping[str, Float[Tensor, " batch"]]
    distance: Mapping[str, Float[Tensor, " batch"]]
    nearest: Mapping[str, Int[Tensor, " batch"]]
    contribution: Mapping[str, Float[Tensor, "batch _"]]
    less: Mapping[str, Float[Tensor, " batch"]]


class NeroDeep(HeadDetector):
    """Distance to the ID classes at every stage of the network, each in units of its own ID variation, summed.

    **Where to look.** The features decide between the classes that the network was taught, and what they do not
    need they forget; the stages before them still hold it. At a stage ``s`` an image is the mean of every channel over
    all positions, ``f_s``; at the last one the features ``a`` and the relevance ``r_j = a_j W_ŷj`` of the predicted
    class's logit, as NERO+ has them.

    **How far.** Each vector is taken to unit length, ``u_s``: contrast and brightness scale all channels alike. With
    class means, and one covariance shrunk by an α that the ID images choose themselves (`fit_tied_gaussian`)::

        d_s(x) = min_c (u_s − μ_sc)ᵀ Σ_α⁻¹ (u_s − μ_sc)

    **In one unit.** The distances of ID images differ in size and spread from stage to stage. With mean ``m_s`` and
    deviation ``σ_s`` of ``log d_s`` over the fit images, each measured without itself::

        S(x) = Σ_s z_s        z_s = (log d_s − m_s) / σ_s

    Any real number, about 0 for an ID image; higher = more OOD. The score splits exactly over the stages, and each
    ``d_s`` over the channels: ``d_s = Σ_j (u_s − μ)_j [Σ_α⁻¹ (u_s − μ)]_j``. Closed form, no gradient: one forward
    pass.

    Args:
        head: the classifier's last linear layer.
        stages: number of channels of each stage before the features, by name, in the order of the network; none where
            the features are all there is.

    Reference:
        Lee et al., NeurIPS 2018 (distances at several layers); Müller & Hein, Mahalanobis++, ICML 2025 (unit length);
        Chhetri et al., NERO, MICCAI 2025 (relevance).

    Differs:
        From Lee et al.: weights of the stages are not learned from OOD images; nothing is.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="NERO at every depth, a detector of the NERO Dashboard", venue="this project", year=2026, url=""
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head, stages: Mapping[str, int] = MappingProxyType({})) -> None:
        super().__init__(head)
        self.stages = {**stages, LAST_STAGE: head.neurons}
        self.fitted: dict[str, TiedGaussian] = {}
        self.units: dict[str, tuple[float, float]] = {}

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """α of each stage."""
        return {f"shrinkage {name}": round(stage.shrinkage, 6) for name, stage in self.fitted.items()}

    def fit_features(self, x: Float[Tensor, "batch columns"], y: Labels) -> "NeroDeep":
        """Fit every stage on ID images; a second call forgets the first.

        Args:
            x: channel means of the stages and then the features, side by side.
            y: classes.

        Raises:
            CalibrationError: shapes do not fit, values are not finite, or no class has two images that differ.
        """
        vectors, labels = self._stage_bank(x, y)
        self._keep(labels.unique(), {name: fit_tied_gaussian(vector, labels) for name, vector in vectors.items()})
        return self

    def fit_passes(self) -> Passes:
        """The same fit from sums over batches, see `fit_in_passes`."""
        fits = yield from side_by_side(
            {name: tied_gaussian_passes(partial(self._stage_rows, name), self.head.classes) for name in self.stages}
        )
        self._keep(fits[LAST_STAGE][0], {name: gaussian for name, (_, gaussian) in fits.items()})

    def state(self) -> State:
        """Classes, and the Gaussian of each stage, see `FitsInPasses`."""
        self._check_fitted(self.classes if self.fitted else None)
        stages = [gaussian_state(gaussian, f"{name}/") for name, gaussian in self.fitted.items()]
        return {"classes": self.classes} | {name: values for stage in stages for name, values in stage.items()}

    def restore(self, state: State) -> None:
        """Take a state; raises as `FitsInPasses.restore`."""
        given, widths = StateReader(state, self.head), {**self.stages, LAST_STAGE: 2 * self.head.neurons}
        fitted = {name: given.gaussian(f"{name}/", width) for name, width in widths.items()}
        self._keep(given.classes(), fitted)

    def predict_features(self, x: Float[Tensor, "batch columns"]) -> Float[Tensor, " batch"]:
        """``S(x)``, any real number; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit, or values are not finite.
        """
        self._check_fitted(self.classes if self.fitted else None)
        return scored_in_parts(self._score, x)

    def terms(self, x: Float[Tensor, "batch columns"]) -> DeepTerms:
        """The score taken apart; raises as ``predict_features``."""
        self._check_fitted(self.classes if self.fitted else None)
        parts, distance, nearest, contribution, less = {}, {}, {}, {}, {}
        for name, vector in self._vectors(x).items():
            stage = self.fitted[name]
            distance[name], nearest[name] = stage.distances(vector).min(dim=1)
            parts[name] = self._in_units(name, distance[name])
            contribution[name] = stage.contributions(vector, nearest[name])
            is_less = vector < stage.means[nearest[name]]
            less[name] = contribution[name].where(is_less, 0).sum(dim=1) / contribution[name].sum(dim=1)
            if name == LAST_STAGE:  # a channel's feature and its relevance, together
                contribution[name] = contribution[name].unflatten(1, (2, -1)).sum(dim=1)
        return DeepTerms(torch.stack(list(parts.values())).sum(dim=0), parts, distance, nearest, contribution, less)

    def _score(self, x: Tensor) -> Float[Tensor, " batch"]:
        vectors = self._vectors(x)
        scores = [self._in_units(name, self.fitted[name].distances(u).amin(dim=1)) for name, u in vectors.items()]
        return torch.stack(scores).sum(dim=0)

    def _vectors(self, x: Tensor) -> dict[str, Float[Tensor, "batch _"]]:
        columns = stage_columns(x, self.stages, self.weight.device)
        return {name: self._vector(name, means) for name, means in columns.items()}

    def _vector(self, name: str, means: Float[Tensor, "batch _"]) -> Float[Tensor, "batch _"]:
        return decision_vector(means, self.head) if name == LAST_STAGE else unit_length(means)

    def _stage_bank(self, x: Tensor, y: Labels) -> tuple[dict[str, Float[Tensor, "batch _"]], Int[Tensor, " batch"]]:
        vectors = self._vectors(x)
        _, labels = self._feature_bank(x[:, -self.stages[LAST_STAGE] :], y, minimum=2)
        return vectors, labels

    def _stage_rows(self, name: str, x: Tensor, y: Labels) -> tuple[Float[Tensor, "batch _"], Int[Tensor, " batch"]]:
        columns = stage_columns(x, self.stages, self.weight.device)
        _, labels = self._feature_bank(columns[LAST_STAGE], y, minimum=1)
        return self._vector(name, columns[name]), labels

    def _keep(self, classes: Int[Tensor, " classes"], fitted: dict[str, TiedGaussian]) -> None:
        self.classes, self.fitted = classes, fitted
        units = {name: gaussian.log_distance for name, gaussian in fitted.items()}
        self.units = {name: (mean, deviation if deviation > 0 else 1.0) for name, (mean, deviation) in units.items()}

    def _in_units(self, name: str, distance: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        mean, deviation = self.units[name]
        return (self._log(distance) - mean) / deviation

    @staticmethod
    def _log(distance: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        return distance.clamp_min(torch.finfo(distance.dtype).tiny).log()
