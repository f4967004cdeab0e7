"""OOD detectors: features in, scores out, higher = more OOD."""

from nero_core.detectors.catalog import DETECTORS, DetectorSpec, build_detector
from nero_core.detectors.grood import GROOD
from nero_core.detectors.line import LINe
from nero_core.detectors.neco import NECO
from nero_core.detectors.nero import NERO, NeroTerms

__all__ = ["DETECTORS", "GROOD", "NECO", "NERO", "DetectorSpec", "LINe", "NeroTerms", "build_detector"]
