"""Banks, thresholds, p-values, and the bundle that holds them."""

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.calibrate import calibrate
from nero_core.calibration.card import BundleCard, find_bundles, read_card
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.threshold import conformal_p_values, threshold_at

__all__ = [
    "Bundle",
    "BundleCard",
    "FeatureBank",
    "calibrate",
    "conformal_p_values",
    "find_bundles",
    "read_card",
    "threshold_at",
]
