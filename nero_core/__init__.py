"""The engine: decode, observe, detect, explain. It knows no screen.

Names are imported when they are first used, so that ``nero --help`` does not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nero_core.benchmark import BenchmarkResult, MethodResult, compare_banks, read_result
    from nero_core.calibration import find_bundles
    from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
    from nero_core.data.archive import check_archive
    from nero_core.data.decode import Picture, decode_image
    from nero_core.detectors import DETECTORS, build_detector
    from nero_core.device import pick_device
    from nero_core.errors import NeroError
    from nero_core.explorer import Explorer
    from nero_core.inspector import Inspector
    from nero_core.models.import_checkpoint import import_checkpoint
    from nero_core.types import Head

__all__ = [
    "DETECTORS",
    "BenchmarkResult",
    "Explorer",
    "Head",
    "Inspector",
    "MethodResult",
    "NeroError",
    "Picture",
    "build_detector",
    "check_archive",
    "compare_banks",
    "decode_image",
    "find_bundles",
    "import_checkpoint",
    "pack_bundle",
    "pick_device",
    "read_result",
    "unpack_bundle",
]

_HOMES = {
    "BenchmarkResult": "nero_core.benchmark",
    "DETECTORS": "nero_core.detectors",
    "Explorer": "nero_core.explorer",
    "Head": "nero_core.types",
    "Inspector": "nero_core.inspector",
    "MethodResult": "nero_core.benchmark",
    "NeroError": "nero_core.errors",
    "Picture": "nero_core.data.decode",
    "build_detector": "nero_core.detectors",
    "check_archive": "nero_core.data.archive",
    "compare_banks": "nero_core.benchmark",
    "decode_image": "nero_core.data.decode",
    "find_bundles": "nero_core.calibration",
    "import_checkpoint": "nero_core.models.import_checkpoint",
    "pack_bundle": "nero_core.calibration.bundle_archive",
    "pick_device": "nero_core.device",
    "read_result": "nero_core.benchmark",
    "unpack_bundle": "nero_core.calibration.bundle_archive",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
