"""Versions of this program and of the libraries that its figures depend on."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

PROGRAM = "nero-dashboard"
UNKNOWN = "unknown"  # of a program that runs from a folder without being installed


def versions(names: Iterable[str]) -> dict[str, str]:
    """The version of each distribution by its name; ``UNKNOWN`` where it is not installed."""
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return UNKNOWN


__version__ = _version(PROGRAM)
