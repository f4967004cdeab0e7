"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, DetectorSpec, build_detector
from nero_core.detectors.nero import NERO, NeroTerms

__all__ = ["DETECTORS", "NERO", "DetectorSpec", "NeroTerms", "build_detector"]
