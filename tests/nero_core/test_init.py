"""What the package hands on, and that it costs nothing until it is used."""

import ast
import subprocess
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import nero_core
from nero_core import errors
from nero_core.version import UNKNOWN, versions
from tests.warm_process import WarmProcesses

USERS = """Bundle COMPOSITES DETECTORS Explorer Head Inspector NeroError __version__ build_detector calibrate
find_bundles import_checkpoint pack_bundle read_result run_benchmark train unpack_bundle""".split()
LAZY = ("nero_core", "nero_core.data", "nero_core.figures", "nero_core.training")  # each lists its names in a stub


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("package", LAZY)
def test_each_name_of_the_stub_is_the_one_of_its_module(warm: WarmProcesses, package: str) -> None:
    """In a process of its own, where modules of the same names are loaded first: they must not stand in the way."""
    stub = Path(import_module(package).__file__ or "").with_suffix(".pyi").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: f"{package}.{node.module}" for node in imports for alias in node.names}
    assert all(alias.asname == alias.name for node in imports for alias in node.names)  # handed on, for type checkers
    assert import_module(package).__all__ == dir(import_module(package)) == sorted(homes)
    code = f"""
from importlib import import_module
package, homes = import_module({package!r}), {homes!r}
modules = {{home: import_module(home) for home in homes.values()}}
print([name for name, home in homes.items() if getattr(package, name) is not getattr(modules[home], name)])
"""
    done = warm.run("-c", code)
    assert done.stdout == "[]\n", done.stderr


def test_what_a_user_calls_is_there_and_every_error() -> None:
    raised = {
        name for name, member in vars(errors).items() if isinstance(member, type) and issubclass(member, Exception)
    }
    assert {*USERS, *raised} <= set(nero_core.__all__)


def test_the_version_is_that_of_the_installed_program() -> None:
    assert nero_core.__version__ == version("nero-dashboard")


def test_a_program_that_is_not_installed_says_so() -> None:
    with pytest.raises(PackageNotFoundError):
        version("no-such-program")
    assert versions(("no-such-program", "torch")) == {"no-such-program": UNKNOWN, "torch": version("torch")}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = nero_core.no_such_name


def test_importing_the_package_does_not_import_torch() -> None:
    assert run("import sys, nero_core; dir(nero_core); nero_core.__version__; print('torch' in sys.modules)") == "False"


def test_help_does_not_import_torch() -> None:
    code = """
import sys
from nero_core.cli.app import app
try:
    app(["--help"])
except SystemExit:
    print("torch" in sys.modules)
"""
    assert run(code).splitlines()[-1] == "False"


def test_the_inspector_is_imported_without_what_only_a_loaded_bundle_needs() -> None:
    """Beside PyTorch these take most of the time; ``make bench`` measures what is left."""
    code = """
import sys
from nero_core import Inspector, DETECTORS, build_detector
late = "pytorch_ood timm torchvision torch._dynamo scipy.stats matplotlib pydicom requests sqlalchemy pandas"
print(set(late.split()) & sys.modules.keys())
"""
    assert run(code) == "set()"
