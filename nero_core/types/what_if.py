"""NERO under other settings."""

from dataclasses import dataclass

from nero_core.types.detection import Detection, ReferenceScores
from nero_core.types.explanation import Channels


@dataclass(frozen=True, slots=True)
class WhatIfSettings:
    """The hyper-parameters of NERO that a researcher may move; none of them asks for another forward pass.

    Attributes:
        epsilon: ε of the LRP rule, ≥ 0, in units of a logit.
        component_share: PCA components over channels, in (0, 1].
        k: number of channels of least relevance.
        norm: of the distance: 1 as published, or 2.
        tpr: share of ID images that the threshold accepts, in (0, 1).
    """

    epsilon: float
    component_share: float
    k: int
    norm: int
    tpr: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """NERO under other settings, fitted and calibrated again on the bundle's banks. All tensors are on the CPU.

    Attributes:
        settings: what it was fitted with.
        detection: of one image; its ``terms`` hold besides NERO's own ``relevance`` (batch × neurons),
            ``bias_relevance`` (batch, signed) and ``distances`` to every class (batch × classes).
        reference: scores of the calibration images and of the OOD bank, with the threshold.
        channels: every channel of the image against the class means, under these settings.
        components: PCA components that the fit images gave.
        bias_scale: λ.
        auroc: of the calibration images against the OOD bank, in [0, 1]; nan where the bundle has no OOD bank.
        fpr95: share of the OOD bank accepted where 95 % of the calibration images are; nan as above.
    """

    settings: WhatIfSettings
    detection: Detection
    reference: ReferenceScores
    channels: Channels
    components: int
    bias_scale: float
    auroc: float
    fpr95: float

    @property
    def score(self) -> float:
        """Of the image; higher = more OOD."""
        return float(self.detection.score[0])

    @property
    def threshold(self) -> float:
        """Score above which an image is called OOD."""
        return self.detection.threshold

    @property
    def p_value(self) -> float:
        """Conformal p-value of the image."""
        return float(self.detection.p_value[0])

    @property
    def is_ood(self) -> bool:
        """``score > threshold``."""
        return bool(self.detection.is_ood[0])
