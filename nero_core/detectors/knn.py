"""KNN: distance to the k-th nearest ID feature."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector
from nero_core.detectors.neighbours import neighbour_distance
from nero_core.errors import CalibrationError
from nero_core.types import Head

_PUBLISHED_K = 50  # CIFAR-10; 200 for CIFAR-100 and 1000 for ImageNet, in banks of 50,000 and 1.28 million


class KNN(HeadDetector):
    """Euclidean distance of the feature, scaled to unit length, to the k-th nearest of the fit features so scaled.

    ``S(x) = ‖z − z_(k)‖₂`` with ``z = a / ‖a‖₂``; in [0, 2]; higher = more OOD.

    Args:
        head: the classifier's last linear layer, for its width.
        k: which neighbour; None = the authors' 50 for CIFAR-10, or half the images of an average class where that is
            less, which keeps the k-th neighbour within the class. ``k_found`` tells it.

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

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Int[Tensor, " batch"]) -> "KNN":
        """Keep the unit features of the ID images; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, or there are fewer images than k.
        """
        features, labels = self._bank(x, y, least=self.k or 1)
        fitting = max(1, len(features) // (2 * len(labels.unique())))
        self.k_found = min(_PUBLISHED_K, fitting) if self.k is None else self.k
        self.bank = _unit(features)
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, in [0, 2]; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        bank = self._check_fitted(self.bank)
        return neighbour_distance(_unit(self._features(x)), bank, self.k_found)


def _unit(features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons"]:
    length = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    unit: Tensor = features / length.clamp_min(torch.finfo(length.dtype).tiny)  # a feature of 0 stays 0
    return unit
