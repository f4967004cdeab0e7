"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, METHODS, OURS, DetectorSpec, build_detector, family_of_method
from nero_core.detectors.detector import Detector
from nero_core.detectors.image_encoder import image_encoder
from nero_core.detectors.passes import fit_in_passes

__all__ = [
    "DETECTORS",
    "METHODS",
    "OURS",
    "Detector",
    "DetectorSpec",
    "build_detector",
    "family_of_method",
    "fit_in_passes",
    "image_encoder",
]
