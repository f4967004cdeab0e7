"""NECO: share of a feature's length within the principal space of the ID features."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector
from nero_core.detectors.checks import Labels
from nero_core.detectors.components import principal_components
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.errors import CalibrationError
from nero_core.types import Head

_PUBLISHED_COMPONENTS = 100  # d of NERO's comparison


class NECO(HeadDetector):
    """NECO score from pooled features.

    Features are standardised neuron by neuron on the fit bank, ``z = (a − mean) / deviation``, and ``P`` holds the
    first d principal components of the standardised fit features::

        S(x) = −‖P z‖₂ / ‖z‖₂            times max_c l_c(x) with max_logit

    Without the factor in [−1, 0]; higher = more OOD.

    Args:
        head: the classifier's last linear layer.
        components: d, below the number of neurons D (with all of them every score is −1); None = 100, the setting of
            NERO's comparison, or ⌊D/2⌋ for D < 200.
        max_logit: multiply by the largest logit, as the authors do for every architecture but ResNet.

    Reference:
        Ben Ammar et al., NECO: neural collapse based out-of-distribution detection, ICLR 2024.

    Differs:
        The PCA is exact. With fewer fit images than d + 1 the rank of the bank bounds the components, and
        ``components_found`` tells how many were kept. For DeiT and Swin the published code divides by the length of the
        raw feature; here both lengths are of the standardised one. A neuron that is constant on the bank is left
        undivided, and a feature equal to the mean scores as one within the principal space.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="NECO: NEural Collapse Based Out-of-distribution detection",
            venue="ICLR",
            year=2024,
            url="https://arxiv.org/abs/2310.06823",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head, components: int | None = None, max_logit: bool = False) -> None:
        super().__init__(head)
        wanted = min(_PUBLISHED_COMPONENTS, head.neurons // 2) if components is None else components
        if not 1 <= wanted < head.neurons:
            raise CalibrationError(
                f"Expected from 1 to {head.neurons - 1} components, fewer than neurons. Found {wanted}. "
                "The published comparison has 100."
            )
        self.components_wanted = wanted
        self.max_logit = max_logit
        self.components: Tensor | None = None

    @property
    def components_found(self) -> int:
        """Number of components kept: ``components_wanted``, or the rank of the fit features where that is less."""
        return 0 if self.components is None else self.components.shape[0]

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """The number of components kept."""
        return {"components": self.components_found}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "NECO":
        """Fit the standardisation and the PCA on ID features; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, there are under 2 images, features are not finite or all the
                same.
        """
        features, _ = self._feature_bank(x, y, minimum=2)
        self.mean = features.mean(dim=0)
        deviation = features.std(dim=0, correction=0)
        # The deviation of equal numbers is not 0 but their rounding.
        floor = features.abs().amax(dim=0) * torch.finfo(deviation.dtype).eps * len(features)
        self.deviation = deviation.where(deviation > floor, 1.0)
        components = principal_components((features - self.mean) / self.deviation, self.components_wanted)
        if not len(components):
            raise CalibrationError("Expected ID images that differ. Found the same features for all. Add ID images.")
        self.components = components
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        self._check_fitted(self.components)
        return scored_in_parts(self._score, x)

    def _score(self, x: Tensor) -> Tensor:
        components, features = self._check_fitted(self.components), self._features(x)
        standard = (features - self.mean) / self.deviation
        part, whole = (torch.linalg.vector_norm(z, dim=1) for z in (standard @ components.T, standard))
        ratio = torch.where(whole > 0, part / whole.clamp_min(torch.finfo(whole.dtype).tiny), 1.0)
        return -ratio * self.head.logits(features).amax(dim=1) if self.max_logit else -ratio
