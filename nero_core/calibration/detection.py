"""From a fitted method and a bundle's banks to the records that say what was found."""

from collections.abc import Mapping
from types import MappingProxyType

from jaxtyping import Float
from torch import Tensor

from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.threshold import conformal_p_values, threshold_at
from nero_core.detectors.detector import Detector
from nero_core.device import float64
from nero_core.types import Detection, ReferenceScores
from nero_core.types.detection import STAGE_LESS, STAGE_PART


def detect_by_scores(
    name: str,
    score: Float[Tensor, " batch"],
    terms: Mapping[str, Tensor],
    probabilities: Float[Tensor, "batch classes"],
    calibration: Float[Tensor, " calibration"],
    tpr: float,
) -> Detection:
    """Scores held against the calibration scores: threshold, verdict and conformal p-value of each image.

    Args:
        name: of the method.
        score: of the images, float64 on the CPU.
        terms: parts of the score, on the CPU.
        probabilities: softmax output of the images.
        calibration: the method's scores of the calibration images.
        tpr: share of ID images that should pass, in (0, 1).

    Raises:
        CalibrationError: too few calibration images for ``tpr``.
    """
    threshold = threshold_at(calibration, tpr)
    confidence, predicted = probabilities.max(dim=1)
    return Detection(
        detector=name,
        score=score,
        threshold=threshold,
        is_ood=~(score <= threshold),  # a score that is not a number is not accepted
        p_value=conformal_p_values(score, calibration),
        predicted=predicted.cpu(),
        confidence=float64(confidence).cpu(),
        calibration_size=len(calibration),
        tpr=tpr,
        terms=MappingProxyType(dict(terms)),
    )


def score_in_terms(
    detector: Detector, features: Float[Tensor, "batch neurons"]
) -> tuple[Float[Tensor, " batch"], dict[str, Tensor]]:
    """The scores, float64 on the CPU, and the parts that they are made of, for the methods that have such."""
    from nero_core.detectors.nero import NERO
    from nero_core.detectors.nero_deep import NeroDeep
    from nero_core.detectors.nero_plus import NeroPlus

    if isinstance(detector, NERO):
        parts = detector.terms(features)
        return float64(parts.score).cpu(), _on_cpu(parts, "distance", "bias", "scale", "nearest", "share")
    if isinstance(detector, NeroPlus):
        split = detector.terms(features)
        return float64(split.distance).cpu(), _on_cpu(split, "distance", "nearest", "share")
    if isinstance(detector, NeroDeep):
        deep = detector.terms(features)
        named = ((STAGE_PART, deep.parts), (STAGE_LESS, deep.less))
        return float64(deep.score).cpu(), {
            f"{prefix}{stage}": part.cpu() for prefix, parts_ in named for stage, part in parts_.items()
        }
    return float64(detector.predict_features(features)).cpu(), {}


def reference_scores(
    name: str,
    calibration: Float[Tensor, " calibration"],
    ood: Float[Tensor, " ood"] | None,
    banks: tuple[FeatureBank, FeatureBank | None],
    tpr: float,
) -> ReferenceScores:
    """A method's scores over the calibration bank and the OOD bank, which are ``banks``; raises as above."""
    inside, outside = banks
    return ReferenceScores(
        detector=name,
        calibration=calibration,
        calibration_labels=inside.labels.cpu(),
        ood=ood,
        ood_labels=None if outside is None else outside.labels.cpu(),
        threshold=threshold_at(calibration, tpr),
        tpr=tpr,
    )


def _on_cpu(terms: object, *names: str) -> dict[str, Tensor]:
    return {name: getattr(terms, name).cpu() for name in names}
