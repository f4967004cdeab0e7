"""ViM in float64, on the residual that stands by itself in the catalog."""

from collections.abc import Mapping

from jaxtyping import Float
from pytorch_ood.detector import ViM
from torch import Tensor

from nero_core.detectors.components import scatter_spectrum
from nero_core.detectors.residual import Residual
from nero_core.types import Head


class CheckedViM(ViM):
    """ViM: residual off the principal space of the features as one more logit, against the energy.

    Differs:
        In float64, with the residual of `Residual`: pytorch-ood projects in float32 on the eigenvectors that are left,
        whose numbers differ from one processor to another by up to a third. A bank whose features span no more than the
        principal space is refused: its residual is 0, and α has no value. So is one whose mean largest logit is not
        positive, where α would turn the residual's sign.
    """

    def __init__(self, head: Head, dimension: int) -> None:
        super().__init__(None, dimension, head.weight, head.bias)
        self.head, self.residual = head, Residual(head, dimension)

    @property
    def fitted_settings(self) -> Mapping[str, int]:
        """Dimensions of the principal space."""
        return {"dimension": self.d}

    def fit_features(self, features: Float[Tensor, "batch neurons"], labels: Tensor) -> "CheckedViM":
        """Fit principal space and α.

        Raises:
            ValueError: the bank spans too few dimensions, or its logits are not positive.
        """
        rank = len(scatter_spectrum(features - self.residual.origin)[0])
        if rank <= self.d:
            raise ValueError(f"their features span {rank} dimensions, and the principal space alone takes {self.d}")
        lengths = self.residual.fit_features(features, labels).predict_features(features)
        self.alpha = float(self.head.logits(features).amax(dim=1).mean() / lengths.mean())
        if not 0 < self.alpha < float("inf"):
            raise ValueError(f"the mean largest logit over the mean residual is {self.alpha}, not a positive number")
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``α · residual − logsumexp(logits)``, of any sign; higher = more OOD."""
        scores: Tensor = self.alpha * self.residual.predict_features(x) - self.head.logits(x).logsumexp(dim=1)
        return scores
