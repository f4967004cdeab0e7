"""GradNorm: length of the gradient at the head's weights, in closed form."""

from typing import ClassVar

from jaxtyping import Float
from pytorch_ood.api import DetectorInfo
from pytorch_ood.detector import GradNorm as LibraryGradNorm
from torch import Tensor

from nero_core.detectors.base import HeadDetector
from nero_core.detectors.checks import Labels
from nero_core.errors import CalibrationError
from nero_core.types import Head


class GradNorm(HeadDetector):
    """Negative L1 length of the gradient of ``KL(u ‖ softmax(l/T))``, u uniform, at the weights of the head.

    The gradient is the outer product of ``(p − u)/T`` and the feature, so its length is a product of two sums::

        S(x) = −‖a‖₁ · Σ_c |p_c − 1/C| / T                p = softmax(l/T)

    Score ≤ 0; higher = more OOD. Nothing is fitted.

    Args:
        head: the classifier's last linear layer, with at least 2 classes.
        temperature: T > 0.

    Reference:
        Huang et al., On the importance of gradients for detecting distributional shifts in the wild, NeurIPS 2021.

    Differs:
        pytorch-ood makes the gradient of each image by automatic differentiation; this is the same number.
    """

    requires_fit = False
    info: ClassVar[DetectorInfo] = LibraryGradNorm.info

    def __init__(self, head: Head, temperature: float = 1.0) -> None:
        super().__init__(head)
        if temperature <= 0:
            raise CalibrationError(f"Expected a temperature above 0. Found {temperature}. The paper has 1.")
        self.temperature = temperature

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "GradNorm":
        """Fits nothing; sees that the bank is one that the head takes.

        Raises:
            CalibrationError: shapes or labels do not fit the head, or features are not finite.
        """
        self._feature_bank(x, y, minimum=0)
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≤ 0; higher = more OOD.

        Raises:
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        features = self._features(x)
        gap = (self.head.logits(features) / self.temperature).softmax(dim=1) - 1 / len(self.weight)
        return -features.abs().sum(dim=1) * gap.abs().sum(dim=1) / self.temperature
