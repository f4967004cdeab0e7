"""What the own detectors share: the head, float64 where statistics are computed, one check of what they are given."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import RequiresFittingException
from torch import Tensor

from nero_core.detectors.checks import Labels, check_features, checked_labels
from nero_core.detectors.from_images import ImageDetector
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.types import Head


class HeadDetector(ImageDetector):
    """A detector that sees pooled features and the head only, and computes in float64 on the device of the head.

    Args:
        head: the classifier's last linear layer.
    """

    requires_fit = True

    def __init__(self, head: Head) -> None:
        exact = head.float64()
        self.weight, self.bias = exact.weight, exact.bias

    @property
    def head(self) -> Head:
        """The linear layer whose features are scored, in float64."""
        return Head(self.weight, self.bias)

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """Settings that the fit chose from the bank, by name; empty for a method that chooses none."""
        return {}

    def _features(self, x: Tensor) -> Float[Tensor, "batch neurons"]:
        check_features(x, self.weight.shape[1])
        return float64(x.detach()).to(self.weight.device)

    def _feature_bank(
        self, x: Tensor, y: Labels, minimum: int
    ) -> tuple[Float[Tensor, "batch neurons"], Int[Tensor, " batch"]]:
        features = self._features(x)
        labels = checked_labels(y, len(x), len(self.weight))
        if len(x) < minimum:
            raise CalibrationError(f"Expected at least {minimum} ID images to fit on. Found {len(x)}. Add ID images.")
        return features, labels.to(features.device)

    def _check_fitted(self, state: Tensor | None) -> Tensor:
        if state is None:
            raise RequiresFittingException("You have to call fit_features() before predict_features().")
        return state


def stage_columns(x: Tensor, stages: Mapping[str, int], device: torch.device) -> dict[str, Float[Tensor, "batch _"]]:
    """Channel means of these stages and the features, which come side by side, by name; float64.

    Raises:
        CalibrationError: they are not there, or not finite.
    """
    width = sum(stages.values())
    if x.ndim != 2 or x.shape[1] != width:
        names = " + ".join(f"{channels} of {name}" for name, channels in stages.items())
        raise CalibrationError(
            f"Expected features of shape (batch, {width}): {names}. Found {tuple(x.shape)}. "
            "Give the channel means of the stages and then the features, side by side."
        )
    check_features(x, width)
    exact = float64(x.detach()).to(device)
    return dict(zip(stages, exact.split(list(stages.values()), dim=1), strict=True))


def class_means(
    x: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"], classes: Int[Tensor, " classes"]
) -> Float[Tensor, "classes neurons"]:
    """Mean of the rows of each class, in one matrix product."""
    member = (y[None, :] == classes[:, None]).to(x)
    return (member / member.sum(dim=1, keepdim=True)) @ x


def varies(within: Float[Tensor, "batch neurons"], x: Float[Tensor, "batch neurons"]) -> bool:
    """Whether images differ from their class means by more than the rounding of those means."""
    return bool((within.abs().amax(dim=0) > torch.finfo(x.dtype).eps * len(x) * x.abs().max()).any())


def unit_length(x: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons"]:
    """Each row over its Euclidean length; a row of 0 stays 0."""
    length = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    unit: Tensor = x / length.clamp_min(torch.finfo(length.dtype).tiny)
    return unit
