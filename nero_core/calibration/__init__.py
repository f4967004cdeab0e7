"""Banks, thresholds, p-values, and the bundle that holds them."""

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.calibrate import calibrate
from nero_core.calibration.card import BundleCard, Origin, find_bundles, read_card
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.plan import CalibrationPlan, plan_calibration
from nero_core.calibration.recalibrate import recalibrate
from nero_core.calibration.threshold import conformal_p_values, threshold_at
from nero_core.calibration.trial import Trial, try_classifier

__all__ = [
    "Bundle",
    "BundleCard",
    "CalibrationPlan",
    "FeatureBank",
    "Origin",
    "Trial",
    "calibrate",
    "conformal_p_values",
    "find_bundles",
    "plan_calibration",
    "read_card",
    "recalibrate",
    "threshold_at",
    "try_classifier",
]
