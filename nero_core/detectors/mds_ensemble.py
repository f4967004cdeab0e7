"""Mahalanobis distances at several layers, summed: MDSEns."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means, stage_columns, varies
from nero_core.detectors.checks import Labels
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.detectors.mahalanobis import TiedMahalanobis
from nero_core.errors import CalibrationError
from nero_core.types import LAST_STAGE, Head


class MDSEnsemble(HeadDetector):
    """Weighted sum of the Mahalanobis distances to the nearest class mean at every stage of the network.

    At a stage ``s`` an image is the mean of every channel over all positions, ``f_s`` (at the last one the features).
    With class means ``μ_sc`` and one covariance ``Σ_s`` of all classes::

        S(x) = Σ_s α_s M_s(x)        M_s(x) = ½ min_c (f_s − μ_sc)ᵀ Σ_s⁻¹ (f_s − μ_sc)

    ≥ 0; higher = more OOD.

    Args:
        head: the classifier's last linear layer.
        stages: number of channels of each stage before the features, by name, in the order of the network; none where
            the features are all there is.
        weights: ``α_s`` of each stage in this order, the features last; 1 each where None.

    Raises:
        CalibrationError: there is not one finite weight a stage.

    Reference:
        Lee et al., A simple unified framework for detecting out-of-distribution samples and adversarial attacks,
        NeurIPS 2018; "MDSEns" in OpenOOD and OpenMIBOOD.

    Differs:
        The paper learns ``α_s`` by a logistic regression on OOD images, or on adversarial ones, and moves each image by
        a step along the gradient of its distance first. A fit here sees no OOD image and a bank holds no images: the
        weights are 1, as pytorch-ood has them, and there is no step. ``Σ_s`` is a mean in float64, pseudo-inverted
        where there are fewer images than channels (see ``TiedMahalanobis``). The stages are those of the bundle.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks",
            venue="NeurIPS",
            year=2018,
            url="https://arxiv.org/abs/1807.03888",
            code="https://github.com/pokaxpoka/deep_Mahalanobis_detector",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(
        self, head: Head, stages: Mapping[str, int] = MappingProxyType({}), weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(head)
        self.stages = {**stages, LAST_STAGE: head.neurons}
        self.weights = [1.0] * len(self.stages) if weights is None else [float(weight) for weight in weights]
        if len(self.weights) != len(self.stages) or not all(map(math.isfinite, self.weights)):
            raise CalibrationError(
                f"Expected one finite weight for each of {len(self.stages)} stages ({', '.join(self.stages)}). "
                f"Found {self.weights}. Give them in this order."
            )
        self.fitted: dict[str, TiedMahalanobis] = {}

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """Which stages are summed, with their weights."""
        pairs = zip(self.stages, self.weights, strict=True)
        return {"weights": ", ".join(f"{name} {weight:g}" for name, weight in pairs)}

    def fit_features(self, x: Float[Tensor, "batch columns"], y: Labels) -> "MDSEnsemble":
        """Fit every stage on ID images; a second call forgets the first.

        Args:
            x: channel means of the stages and then the features, side by side.
            y: classes.

        Raises:
            CalibrationError: shapes do not fit, values are not finite, or a stage does not vary within the classes.
        """
        columns = self._columns(x)
        _, labels = self._feature_bank(x[:, -self.stages[LAST_STAGE] :], y, minimum=2)
        classes, member = labels.unique(return_inverse=True)
        fitted = {}
        for name, means in columns.items():
            if not varies(means - class_means(means, labels, classes)[member], means):
                raise CalibrationError(
                    f"Expected a class with ID images that differ at {name}. Found equal ones. Add ID images."
                )
            fitted[name] = TiedMahalanobis(None).fit_features(means, labels)
        self.fitted = fitted
        return self

    def predict_features(self, x: Float[Tensor, "batch columns"]) -> Float[Tensor, " batch"]:
        """``S(x)``; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit, or values are not finite.
        """
        self._check_fitted(self.fitted[LAST_STAGE].mu if self.fitted else None)
        return scored_in_parts(self._score, x)

    def _score(self, x: Tensor) -> Float[Tensor, " batch"]:
        scores = [
            weight * self.fitted[name].predict_features(means)
            for weight, (name, means) in zip(self.weights, self._columns(x).items(), strict=True)
        ]
        return torch.stack(scores).sum(dim=0)

    def _columns(self, x: Tensor) -> dict[str, Float[Tensor, "batch _"]]:
        return stage_columns(x, self.stages, self.weight.device)
