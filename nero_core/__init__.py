"""The engine: decode, observe, detect, explain. It knows no screen.

Names are imported when they are first used, so that ``nero --help`` does not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "DETECTORS": "nero_core.detectors",
    "Head": "nero_core.types",
    "Inspector": "nero_core.inspector",
    "NeroError": "nero_core.errors",
    "Picture": "nero_core.data.decode",
    "build_detector": "nero_core.detectors",
    "decode_image": "nero_core.data.decode",
    "find_bundles": "nero_core.calibration",
    "pick_device": "nero_core.device",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
