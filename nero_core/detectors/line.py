"""LINe: energy of the logits that the important neurons and weights of the predicted class make."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means
from nero_core.detectors.checks import Labels, check_every_class
from nero_core.detectors.order import percentile
from nero_core.detectors.sorted_weights import SortedWeights
from nero_core.errors import CalibrationError
from nero_core.types import Head

# Most classes → the authors' (weight percentile, activation percentile): CIFAR-10, CIFAR-100, ImageNet.
_PUBLISHED = ((10, (90.0, 90.0)), (100, (90.0, 10.0)))
_PUBLISHED_MANY = (10.0, 10.0)
_CLIP_PERCENTILE = 90.0


class LINe(HeadDetector):
    """LINe score from pooled features.

    The contribution of neuron j to class c is the first-order Taylor approximation of its Shapley value, which for a
    linear head is the mean feature of the class times the weight. With clipped features ``ā = min(a, δ)`` and predicted
    class ``ŷ = argmax(W ā + b)``::

        s_cj = mean_{x: y = c} a_j(x) · W_cj
        m_j  = [ s_ŷj > percentile_{p_a}(s_ŷ) ]                    M_ij = [ |s_ŷj|·W_ij > percentile_{p_w}(|s_ŷ|·W) ]
        S(x) = −log Σ_i exp( Σ_j M_ij W_ij m_j ā_j + b_i )

    Score in nats, any sign; higher = more OOD. One threshold a class is kept, and never C×C×D entries made: with each
    neuron's weights sorted, ``|s_ŷj|·W_ij > t`` holds from a place on that a search finds (``SortedWeights``).

    Args:
        head: the classifier's last linear layer.
        weight_percentile: p_w, in [0, 100): share of the weights masked out; None = the authors' for the number of
            classes: 90 up to 100 classes, else 10.
        activation_percentile: p_a, in [0, 100): share of the neurons masked out; None = the authors': 90 up to 10
            classes, else 10.
        clip: δ, in units of a feature; None = the 90th percentile of the fit features, kept in ``clip`` after a fit.

    Reference:
        Ahn et al., LINe: out-of-distribution detection by leveraging important neurons, CVPR 2023.

    Differs:
        The authors set δ by hand for each network (1.0 for CIFAR, 0.8 for ImageNet); here the fit features set it
        unless it is given.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="LINe: Out-of-Distribution Detection by Leveraging Important Neurons",
            venue="CVPR",
            year=2023,
            url="https://arxiv.org/abs/2303.13995",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(
        self,
        head: Head,
        weight_percentile: float | None = None,
        activation_percentile: float | None = None,
        clip: float | None = None,
    ) -> None:
        super().__init__(head)
        published = next((setting for most, setting in _PUBLISHED if head.classes <= most), _PUBLISHED_MANY)
        self.weight_percentile = published[0] if weight_percentile is None else weight_percentile
        self.activation_percentile = published[1] if activation_percentile is None else activation_percentile
        for percent in (self.weight_percentile, self.activation_percentile):
            if not 0 <= percent < 100:
                raise CalibrationError(f"Expected a percentile in [0, 100). Found {percent}. The paper has 10 and 90.")
        self._clip_given = clip
        self.clip = float("nan") if clip is None else clip
        self.contributions: Tensor | None = None

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """Percentiles and the clip that were used."""
        return {
            "weight_percentile": self.weight_percentile,
            "activation_percentile": self.activation_percentile,
            "clip": self.clip,
        }

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "LINe":
        """Fit contributions and thresholds on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or a class of the head has no image.
        """
        features, labels = self._feature_bank(x, y, minimum=1)
        check_every_class(labels, len(self.weight))
        means = class_means(features, labels, torch.arange(len(self.weight), device=labels.device))
        self.contributions = means * self.weight
        self.used = self.contributions > percentile(self.contributions, self.activation_percentile)[:, None]
        self.sorted_weights = SortedWeights(self.weight)
        self.weight_thresholds = self.sorted_weights.percentiles(self.contributions.abs(), self.weight_percentile)
        self.clip = (
            float(percentile(features.flatten(), _CLIP_PERCENTILE)) if self._clip_given is None else self._clip_given
        )
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        contributions = self._check_fitted(self.contributions)
        clipped = self._features(x).clamp_max(self.clip)
        predicted = self.head.logits(clipped).argmax(dim=1)
        labels = predicted.unique()
        weights = self.sorted_weights
        if weights.values.device != self.weight.device:  # the detector has moved since
            weights = self.sorted_weights = SortedWeights(self.weight)
        masked = weights.at_most(contributions[labels].abs(), self.weight_thresholds[labels])
        active = clipped * self.used[predicted]
        is_few = self.weight_percentile < 50  # either the masked weights are summed, or the others
        logits = self.head.logits(active) if is_few else self.bias.repeat(len(active), 1)
        for label, count in zip(labels, masked * self.used[labels], strict=True):
            rows = predicted == label
            ends = torch.full_like(count, len(self.weight)).where(self.used[label], 0)
            if is_few:
                logits[rows] -= weights.part_of_product(active[rows], torch.zeros_like(count), count)
            else:
                logits[rows] += weights.part_of_product(active[rows], count, ends)
        return -logits.logsumexp(dim=1)
