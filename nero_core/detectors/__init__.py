"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, OURS, DetectorSpec, build_detector
from nero_core.detectors.detector import Detector

__all__ = ["DETECTORS", "OURS", "Detector", "DetectorSpec", "build_detector"]
