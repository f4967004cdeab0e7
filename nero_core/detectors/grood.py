"""GROOD: distance of the gradient at an OOD prototype to the gradients of ID images."""

from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import DetectorInfo, Paper, Task
from torch import Tensor

from nero_core.detectors.base import HeadDetector, class_means
from nero_core.detectors.checks import Labels, check_features
from nero_core.detectors.neighbours import neighbour_distance
from nero_core.device import float64
from nero_core.errors import CalibrationError
from nero_core.types import Head

Synthesis = Literal["mixup", "noise"]


class GROOD(HeadDetector):
    """GROOD score from pooled features.

    With class prototypes ``p_c`` (mean features of the ID classes) and an OOD prototype ``p_o``, distances make logits
    ``s = −‖a − p‖₂`` over all prototypes, with softmax ``π``. The gradient of the cross-entropy of ``s`` against the
    network's own prediction, taken at ``p_o``, has a closed form that does not depend on which class was predicted::

        g(a) = π_o · (a − p_o) / ‖a − p_o‖₂                         S(x) = min_i ‖g(a) − g(a_i)‖₂²

    over the ID images i that the head classifies correctly (exact nearest neighbour, in chunks). Score ≥ 0, at most 4;
    higher = more OOD.

    Where ``p_o`` comes from is kept in ``prototype_from``:

    - ``given``: ``ood_prototype``;
    - ``mixup``: mean of ``m·a + (1 − m)·p_2`` over the fit images, ``p_2`` the prototype of the class with the second
      largest logit: features only;
    - ``noise``: mean of the tenth of ``noise_features`` with the lowest logsumexp of the logits.

    Args:
        head: the classifier's last linear layer.
        ood_prototype: ``p_o``, one value a neuron; None = synthesised.
        synthesis: how, where it is not given.
        noise_features: for ``noise``: features of blurred noise images that went through the network.
        mixup: m, the share of the image's own feature, in [0, 1].

    Reference:
        ElAraby et al., GROOD: gradient-aware out-of-distribution detection, TMLR 2025.

    Differs:
        The published code mixes at an inner layer, with m above 0.7, and sends the mix on through the network; here the
        pooled features are mixed. It searches an approximate index; the search here is exact.
    """

    info: ClassVar[DetectorInfo] = DetectorInfo(
        paper=Paper(
            title="GROOD: GRadient-Aware Out-of-Distribution Detection",
            venue="TMLR",
            year=2025,
            url="https://arxiv.org/abs/2312.14427",
        ),
        tasks=frozenset({Task.CLASSIFICATION}),
    )

    def __init__(
        self,
        head: Head,
        ood_prototype: Float[Tensor, " neurons"] | None = None,
        synthesis: Synthesis = "mixup",
        noise_features: Float[Tensor, "noise neurons"] | None = None,
        mixup: float = 0.9,
    ) -> None:
        super().__init__(head)
        if synthesis not in get_args(Synthesis):
            raise CalibrationError(f"Expected synthesis mixup or noise. Found {synthesis!r}. Choose one of these.")
        if not 0 <= mixup <= 1:
            raise CalibrationError(f"Expected a share of mixup in [0, 1]. Found {mixup}. The default is 0.9.")
        given = None if ood_prototype is None else ood_prototype[None]
        if given is None and synthesis == "noise" and noise_features is None:
            raise CalibrationError(
                "Expected the features of noise images for synthesis by noise. Found none. "
                "Give noise_features, or use mixup."
            )
        self.noise = given if given is not None else (noise_features if synthesis == "noise" else None)
        if self.noise is not None:
            check_features(self.noise, head.neurons)
            self.noise = float64(self.noise).to(self.weight.device)
        self.mixup = mixup
        self.prototype_from = "given" if given is not None else synthesis
        self.gradients: Tensor | None = None

    def fit_features(self, x: Float[Tensor, "batch neurons"], y: Labels) -> "GROOD":
        """Fit prototypes and ID gradients; a second call forgets the first.

        Raises:
            CalibrationError: shapes do not fit the head, features are not finite, no image is classified correctly, or
                mixup is asked for with one class.
        """
        features, labels = self._feature_bank(x, y, minimum=1)
        correct = self.head.logits(features).argmax(dim=1) == labels
        if not bool(correct.any()):
            raise CalibrationError(
                "Expected ID images that the head classifies correctly. Found none. "
                "Check that the labels are numbered as the head's rows."
            )
        classes = labels.unique()
        self.prototypes = class_means(features, labels, classes)
        self.ood_prototype = self._ood_prototype(features, classes)
        self.gradients = self._gradient(features[correct])
        return self

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """``S(x)``, ≥ 0; higher = more OOD.

        Raises:
            RequiresFittingException: ``fit_features`` was not called.
            CalibrationError: shapes do not fit the head, or features are not finite.
        """
        gradients = self._check_fitted(self.gradients)
        return neighbour_distance(self._gradient(self._features(x)), gradients).square()

    def _gradient(self, features: Float[Tensor, "batch neurons"]) -> Float[Tensor, "batch neurons"]:
        away = features - self.ood_prototype
        length = torch.linalg.vector_norm(away, dim=1, keepdim=True)
        share = torch.cat([-torch.cdist(features, self.prototypes), -length], dim=1).softmax(dim=1)[:, -1:]
        gradient: Tensor = away * (share / length.clamp_min(torch.finfo(length.dtype).tiny))
        return gradient

    def _ood_prototype(
        self, features: Float[Tensor, "batch neurons"], classes: Int[Tensor, " classes"]
    ) -> Float[Tensor, " neurons"]:
        if self.prototype_from == "mixup":
            if len(classes) < 2:
                raise CalibrationError(
                    "Expected ID images of at least 2 classes for mixup. Found 1. Give an OOD prototype or noise."
                )
            second = self.head.logits(features)[:, classes].topk(2, dim=1).indices[:, 1]
            return (self.mixup * features + (1 - self.mixup) * self.prototypes[second]).mean(dim=0)
        assert self.noise is not None
        if self.prototype_from == "given":
            return self.noise[0]
        energy = self.head.logits(self.noise).logsumexp(dim=1)
        return self.noise[energy.topk(-(-len(energy) // 10), largest=False).indices].mean(dim=0)
