"""The engine: decode, observe, detect, explain. It knows no screen."""

from nero_core.calibration import find_bundles
from nero_core.data.decode import Picture, decode_image
from nero_core.detectors import DETECTORS, build_detector
from nero_core.device import pick_device
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.types import Head

__all__ = [
    "DETECTORS",
    "Head",
    "Inspector",
    "NeroError",
    "Picture",
    "build_detector",
    "decode_image",
    "find_bundles",
    "pick_device",
]
