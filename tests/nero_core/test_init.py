"""What the package hands on, and that it costs nothing until it is used."""

import subprocess
import sys

import pytest

import nero_core


@pytest.mark.parametrize("name", nero_core.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(nero_core, name)
    assert found if name.isupper() else found.__name__ == name  # a constant has no name of its own


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = nero_core.no_such_name


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, nero_core; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_inspector_is_imported_without_what_only_a_loaded_bundle_needs() -> None:
    """Beside PyTorch these take most of the time; ``make bench`` measures what is left."""
    code = (
        "import sys; from nero_core import Inspector, DETECTORS, build_detector; "
        "print([name for name in ('pytorch_ood', 'timm', 'torchvision', 'torch._dynamo', 'scipy.stats', 'matplotlib') "
        "if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
