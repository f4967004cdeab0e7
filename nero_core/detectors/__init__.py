"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, METHODS, OURS, DetectorSpec, build_detector, family_of_method
from nero_core.detectors.detector import Detector
from nero_core.detectors.image_encoder import image_encoder
from nero_core.detectors.passes import batch_sums, fit_in_passes, merged
from nero_core.detectors.streamed import STREAMED, fit_streamed, restored

__all__ = [
    "DETECTORS",
    "METHODS",
    "OURS",
    "STREAMED",
    "Detector",
    "DetectorSpec",
    "batch_sums",
    "build_detector",
    "family_of_method",
    "fit_in_passes",
    "fit_streamed",
    "image_encoder",
    "merged",
    "restored",
]
