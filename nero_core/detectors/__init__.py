"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, DetectorSpec, build_detector
from nero_core.detectors.detector import Detector

__all__ = ["DETECTORS", "Detector", "DetectorSpec", "build_detector"]
