"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, OURS, DetectorSpec, build_detector
from nero_core.detectors.detector import Detector
from nero_core.detectors.image_encoder import image_encoder

__all__ = ["DETECTORS", "OURS", "Detector", "DetectorSpec", "build_detector", "image_encoder"]
