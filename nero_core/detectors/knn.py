"""KNN: distance to the k-th nearest ID feature."""

from collections.abc import Mapping
from typing import Any, ClassVar

from jaxtyping import Float
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, unit_length
from nero_core.detectors.checks import Labels
from nero_core.detectors.neighbours import neighbour_distance
from nero_core.errors import CalibrationError
from nero_core.types import Head

_PUBLISHED_SHARE = 1 / 1000  # k over the bank: 50 of CIFAR-10's 50,000, 1000 of ImageNet's 1.28 million


class KNN(HeadDetector):
    """Euclidean distance of the feature, scaled to unit length, to the k-th nearest of the fit features so scaled.

    ``S(x) = ‖z − z_(k)‖₂`` with ``z = a / ‖a‖₂``; in [0, 2]; higher = more OOD.

    Args:
        head: the classifier's last linear layer, for its width.
        k: which neighbour; None = the authors' share of the bank, one in a thousand images, and at least 1.
            ``fitted_settings`` tells it.

    Reference:
        Sun et al., Out-of-distribution detection with deep nearest neighbors, ICML 2022.

    Differs:
        pytorch-ood looks up in scikit-learn, on the CPU; this is the same exact search in float64 on the device of the
        features, shared with GROOD.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="Out-of-Distribution Detection with Deep Nearest Neighbors",
            venue="ICML",
            year=2022,
            url="https://proceedings.mlr.press/v162/sun22d.html",
            code="https://github.com/deeplearning-wisc/knn-ood",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head, k: int | None = None) -> None:
        super().__init__(head)
        if k is not None and k < 1:
            raise CalibrationError(f"Expected k ≥ 1. Found {k}. The paper has 50 for CIFAR-10.")
        self.k = k
        self.k_found = 0
        self.bank: Tensor | None = None

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """The k that was used."""
        return {"k": self.k_found}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "KNN":
        """Keep the unit features of the ID images; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or there are fewer images than k.
        """
        features, _ = self._feature_bank(x, y, minimum=self.k or 1)
        self.k_found = max(1, round(_PUBLISHED_SHARE * len(features))) if self.k is None else self.k
        self.bank = unit_length(features)
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, in [0, 2]; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        bank = self._check_fitted(self.bank)
        return neighbour_distance(unit_length(self._features(x)), bank, self.k_found)
