"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, METHODS, OURS, DetectorSpec, build_detector, family_of_method
from nero_core.detectors.detector import Detector
from nero_core.detectors.image_encoder import image_encoder

__all__ = [
    "DETECTORS",
    "METHODS",
    "OURS",
    "Detector",
    "DetectorSpec",
    "build_detector",
    "family_of_method",
    "image_encoder",
]
