"""``make setup`` with and without CUDA, from two small indexes on the disk: one as PyPI is, and one as PyTorch's is."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCK = """\
nvidia-cublas==13.4 ; sys_platform == 'linux'
    # via torch
pure==1.0
torch==2.15.0
    # via
    #   nero-dashboard (pyproject.toml)
    #   torchvision
torchvision==0.29.2
triton==3.9.0 ; sys_platform == 'linux'
"""
PROJECT = """\
[build-system]
requires = []
build-backend = "ready"
backend-path = ["."]
"""
BACKEND = """\
import shutil
def build_editable(folder, settings=None, metadata=None):
    return shutil.copy("mini-1.0-py3-none-any.whl", folder) and "mini-1.0-py3-none-any.whl"
"""
WITH_CUDA = {"nvidia-cublas": "13.4", "pure": "1.0", "torch": "2.15.0", "torchvision": "0.29.2", "triton": "3.9.0"}
WITHOUT = {"pure": "1.0", "torch": "2.15.0+cpu", "torchvision": "0.29.2+cpu"}

Make = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU=1 changes nothing elsewhere")


def write_wheel(folder: Path, name: str, version: str, needs: Sequence[str] = ()) -> Path:
    """A wheel with metadata and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    wanted = "".join(f"Requires-Dist: {requirement}\n" for requirement in needs)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wanted}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def write_index(folder: Path, *wheels: tuple[str, str, tuple[str, ...]]) -> str:
    """A simple index of such wheels, and its address."""
    for name, version, needs in wheels:
        path = write_wheel(folder / name, name, version, needs)
        (folder / name / "index.html").write_text(f'<a href="{path.as_uri().replace("+", "%2B")}">{path.name}</a>')
    return folder.as_uri()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The Makefile of this project over a lock of few packages."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text(LOCK)
    (folder / "requirements-dev.txt").write_text(LOCK + "tool==1.0\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "ready.py").write_text(BACKEND)
    write_wheel(folder, "mini", "1.0")
    return folder


@pytest.fixture
def make(project: Path, tmp_path: Path) -> Make:
    pypi = write_index(
        tmp_path / "pypi",
        ("nvidia-cublas", "13.4", ()),
        ("pure", "1.0", ("torch>=2",)),
        ("tool", "1.0", ()),
        ("torch", "2.15.0", ("nvidia-cublas==13.4", "triton==3.9.0")),
        ("torchvision", "0.29.2", ("torch==2.15.0",)),
        ("triton", "3.9.0", ()),
    )
    pytorch = write_index(
        tmp_path / "pytorch", ("torch", "2.15.0+cpu", ()), ("torchvision", "0.29.2+cpu", ("torch==2.15.0",))
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "CPU"))}
    environment = clean | {"PIP_INDEX_URL": pypi, "PIP_CONFIG_FILE": os.devnull}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", f"CPU_INDEX={pytorch}", *arguments]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    return run


def installed(project: Path) -> dict[str, str]:
    """What ``pip list`` would show, without the time that it takes."""
    [packages] = (project / ".venv" / "lib").glob("python3*/site-packages")
    return {
        package.name: package.version
        for package in distributions(path=[str(packages)])
        if package.name not in ("pip", "setuptools", "mini")
    }


@pytest.mark.slow
def test_an_environment_is_of_the_kind_that_was_asked_for_last(make: Make, project: Path, tmp_path: Path) -> None:
    (tmp_path / "pypi" / "pure").rename(tmp_path / "gone")  # PyPI lacks a package for a while
    assert make("setup", "CPU=1").returncode != 0
    assert installed(project)["torch"] == "2.15.0+cpu"
    (tmp_path / "gone").rename(tmp_path / "pypi" / "pure")
    for arguments, expected, is_at_once in (
        (("setup",), WITH_CUDA, False),  # nothing of the call that failed is left
        (("setup", "CPU=1"), WITHOUT, False),
        (("setup",), WITHOUT, True),
        (("setup", "CPU=0"), WITH_CUDA, False),
    ):
        done = make(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        assert installed(project) == expected | {"tool": "1.0"}
        assert ("Installing" not in done.stdout) == is_at_once


def test_of_the_lock_only_cuda_is_left_out(make: Make, project: Path) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, project)
    shown = make("--dry-run", "setup", "CPU=1").stdout
    versions = dict(re.findall(r"^(torch|torchvision)==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert f"torch=={versions['torch']} torchvision=={versions['torchvision']}\n" in shown
    [pattern] = {*re.findall(r"grep -vE '(\S+)' requirements", shown)}
    lines = re.findall(r"^[a-z].*", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    left_out = [line.partition("==")[0] for line in lines if re.search(pattern, line)]
    assert "triton" in left_out and len(left_out) > 10
    assert all(re.fullmatch("triton|(nvidia|cuda)-.*", name) for name in left_out)
    assert "sys_platform == 'linux'" in "".join(lines) and {"torch", "numpy"}.isdisjoint(left_out)
