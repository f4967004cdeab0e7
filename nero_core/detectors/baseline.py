"""The adapter that puts a detector of pytorch-ood behind the one interface."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from pytorch_ood.api import Detector, FeatureMapsDetector, LogitsDetector, RequiresFittingException
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from nero_core.detectors.checks import Labels, check_every_class, check_features, checked_labels
from nero_core.detectors.from_images import ImageDetector
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.types import Head


class Baseline(ImageDetector):
    """A detector of pytorch-ood that sees features: as they are, as logits, or as feature maps of one pixel.

    Args:
        make: makes a fresh, unfitted detector for a head, so that a second fit forgets the first.
        head: the classifier's last linear layer.
        every_class: whether a fit needs an image of every class of the head.
        dtype: of the features handed on. pytorch-ood computes in what it is given, or casts to float32 by itself.

    Differs:
        In float64 confident images do not tie: in float32 the softmax of all of them is 1.
    """

    hyper: Mapping[str, Any]

    def __init__(
        self,
        make: Callable[[Head], Detector],
        head: Head,
        every_class: bool = False,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self._make = make
        self._head = head.float64().to(dtype=dtype)
        self._every_class = every_class
        self._is_fitted = False
        self.hyper = {}
        self.detector = make(self._head)
        self.requires_fit = self.detector.requires_fit
        self.info = self.detector.info

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """Settings that the fit chose from the bank or the head, by name."""
        chosen: Mapping[str, Any] = getattr(self.detector, "fitted_settings", {})
        return chosen

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str], dict[str, Any]]:
        """By the name of the class, which no module holds."""
        return _unfitted, (type(self).__name__,), self.__dict__

    @torch.no_grad()
    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "Baseline":
        """Fit a fresh detector on ID features.

        Raises:
            CalibrationError: shapes or labels do not fit the head, or the method cannot fit this bank.
        """
        features = self._features(x)
        labels = checked_labels(y, len(x), self._head.classes).to(features.device)
        if self._every_class:
            check_every_class(labels, self._head.classes)
        detector = self._make(self._head)
        if not self.requires_fit:
            return self
        try:
            if isinstance(detector, LogitsDetector):
                detector.fit_logits(self._head.logits(features), labels)
            elif isinstance(detector, FeatureMapsDetector):
                detector.fit_feature_maps(_maps(features), labels)
            else:
                detector.fit_features(features, labels)
        except (AssertionError, ValueError, IndexError, LinAlgError) as error:
            raise CalibrationError(
                f"Expected a fit bank that {type(detector).__name__} can be fitted on. "
                f"Found {len(x)} images of {len(labels.unique())} classes ({error or 'labels are not 0 … C−1'}). "
                "Use another method or more images."
            ) from error
        self.detector = detector
        self._is_fitted = True
        return self

    @torch.no_grad()
    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores; higher = more OOD.

        Raises:
            RequiresFittingException: the method needs a fit and got none.
            CalibrationError: shapes do not fit the head, or a score is not finite.
        """
        if self.requires_fit and not self._is_fitted:
            raise RequiresFittingException("You have to call fit_features() before predict_features().")
        scores = scored_in_parts(lambda part: self._scores(self._features(part)), x)
        if not bool(scores.isfinite().all()):
            raise CalibrationError(
                f"Expected finite scores of {type(self.detector).__name__}. Found NaN or infinity. "
                "Its formula does not hold for these features: use another method."
            )
        return scores

    def _scores(self, features: Tensor) -> Tensor:
        if isinstance(self.detector, LogitsDetector):
            scores: Tensor = self.detector.predict_logits(self._head.logits(features))
        elif isinstance(self.detector, FeatureMapsDetector):
            scores = self.detector.predict_feature_maps(_maps(features))
        else:
            scores = self.detector.predict_features(features)
        return scores

    def _features(self, x: Tensor) -> Tensor:
        check_features(x, self._head.neurons)
        return float64(x.detach()).to(self._head.weight)


def _maps(features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons 1 1"]:
    return features[:, :, None, None]


@cache
def named_baseline(name: str) -> type[Baseline]:
    """``Baseline`` under the name of a method: pytorch-ood's result rows tell detectors apart by their class's name."""
    return type(name, (Baseline,), {"__doc__": Baseline.__doc__, "__module__": __name__})


def _unfitted(name: str) -> Baseline:
    kind = Baseline if name == Baseline.__name__ else named_baseline(name)
    return kind.__new__(kind)
