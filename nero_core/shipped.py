"""Where ``assets/`` is: at the top of the project in a checkout, inside this package in a wheel."""

from importlib.resources import files
from pathlib import Path

DEFAULT = "phantom-efficientnet-lite0"


def assets() -> Path:
    """The folder of demo bundles, samples and logo that came with this installation."""
    package = Path(str(files("nero_core")))
    inside = package / "assets"  # where pyproject.toml has it put into a wheel
    return inside if inside.is_dir() else package.parent / "assets"


def default_bundle() -> Path:
    """The demo bundle that is used where none is named."""
    return assets() / "bundles" / DEFAULT
