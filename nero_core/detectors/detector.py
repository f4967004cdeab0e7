"""What every detector of the catalog offers, said without the library whose class it is."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from nero_core.detectors.checks import Labels

State = Mapping[str, Tensor]  # what a fit found, by name


@runtime_checkable
class Detector(Protocol):
    """Features in, scores out; higher = more OOD.

    Every detector that ``build_detector`` makes is a ``pytorch_ood.api.FeaturesDetector``. To import that library takes
    as long as PyTorch itself, so that annotations name this, and the library is imported with the first detector.
    """

    requires_fit: bool
    encoder: Callable[[Tensor], Tensor] | None

    def fit_features(self, x: Tensor, y: Labels) -> "Detector":
        """Fit on ID features ``batch neurons`` and their classes; forgets an earlier fit."""

    def predict_features(self, x: Tensor) -> Tensor:
        """Scores of features ``batch neurons``."""
