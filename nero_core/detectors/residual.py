"""Residual: how far a feature lies from the space that ID features vary in."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector
from nero_core.detectors.checks import Labels
from nero_core.detectors.components import scatter_spectrum
from nero_core.detectors.detector import State
from nero_core.detectors.in_parts import scored_in_parts
from nero_core.detectors.moments import Moments, batch_moments
from nero_core.detectors.passes import Passes
from nero_core.detectors.state import StateReader
from nero_core.errors import CalibrationError
from nero_core.types import Head


class Residual(HeadDetector):
    """Euclidean length of the feature's part outside the principal space of the fit features.

    ``S(x) = ‖(I − V Vᵀ)(a − u)‖₂`` with the origin ``u = −W⁺ b``, where all logits are 0, and ``V`` the ``dimension``
    eigenvectors of ``Σ_i (a_i − u)(a_i − u)ᵀ`` with the largest eigenvalues. ≥ 0; higher = more OOD.

    Args:
        head: the classifier's last linear layer.
        dimension: of the principal space; None = as in ``vim``: D/2, and 512 for D ≥ 768. ``fitted_settings`` tells it.

    Raises:
        CalibrationError: the dimension leaves nothing outside.

    Reference:
        Wang et al., ViM: out-of-distribution with virtual-logit matching, CVPR 2022, where this is the residual alone;
        "Residual" in OpenOOD and OpenMIBOOD.

    Differs:
        Where the fit features span fewer dimensions, the principal space is all that they span; the published code
        fills it up with directions that rounding picks. OpenMIBOOD takes 128 dimensions, or the number that is best on
        OOD images, which a fit here must not see; and its released code fits on the ID validation images.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="ViM: Out-Of-Distribution with Virtual-logit Matching",
            venue="CVPR",
            year=2022,
            url="https://arxiv.org/abs/2203.10807",
            code="https://github.com/haoqiwang/vim",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(self, head: Head, dimension: int | None = None) -> None:
        super().__init__(head)
        published = 512 if head.neurons >= 768 else head.neurons // 2
        self.dimension = published if dimension is None else dimension
        if not 0 <= self.dimension < head.neurons:
            raise CalibrationError(
                f"Expected a principal space of 0 to {head.neurons - 1} of {head.neurons} dimensions. "
                f"Found {self.dimension}. Choose a smaller one."
            )
        self.origin = -torch.linalg.pinv(self.weight) @ self.bias
        self.principal: Tensor | None = None

    @property
    def fitted_settings(self) -> Mapping[str, Any]:
        """Dimensions of the principal space."""
        return {"dimension": self.dimension if self.principal is None else self.principal.shape[1]}

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "Residual":
        """Fit the principal space on ID features, whatever their classes; a second call forgets the first.

        Raises:
            CalibrationError: shapes or labels do not fit the head, or features are not finite.
        """
        features, _ = self._feature_bank(x, y, minimum=1)
        self.principal = scatter_spectrum(features - self.origin)[1][:, : self.dimension].contiguous()
        return self

    def fit_passes(self) -> Passes:
        """The same fit from sums over batches, see `fit_in_passes`."""
        moments: Moments = yield partial(batch_moments, self._rows, self.head.classes)
        moments.check_enough()
        self.principal = moments.about(self.origin)[1][:, : self.dimension].contiguous()

    def state(self) -> State:
        """The principal space, see `FitsInPasses`."""
        return {"principal": self._check_fitted(self.principal)}

    def restore(self, state: State) -> None:
        """Take a state; raises as `FitsInPasses.restore`."""
        principal = StateReader(state, self.head).numbers("principal", self.head.neurons, None)
        self.principal = principal[:, : self.dimension]

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        principal = self._check_fitted(self.principal)

        def outside(part: Tensor) -> Tensor:
            offset = self._features(part) - self.origin
            length: Tensor = torch.linalg.vector_norm(offset - (offset @ principal) @ principal.T, dim=1)
            return length

        return scored_in_parts(outside, x)

    def _rows(self, x: Tensor, y: Labels) -> tuple[Float[Tensor, "batch neurons"], Int[Tensor, " batch"]]:
        return self._feature_bank(x, y, minimum=1)
