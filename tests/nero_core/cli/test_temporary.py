"""What a command unpacks is gone at its end, and what a killed one left is gone with the next."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from nero_core.cli.temporary import PREFIX, sweep, temporary_folder
from tests.warm_process import WarmProcess, WarmProcesses

HOLD = """
import sys, time
from nero_core.cli.temporary import temporary_folder

with temporary_folder() as folder:
    (folder / "unpacked").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holding(warm: WarmProcesses, root: Path) -> tuple[WarmProcess, Path]:
    reader, writer = os.pipe()
    process = warm.start("-c", HOLD, env={"TMPDIR": str(root)}, to=writer)
    os.close(writer)
    with os.fdopen(reader) as told:
        return process, Path(told.readline().strip())


def test_temporary_files_lie_in_it_and_it_is_gone_at_the_end_also_after_an_error(root: Path):
    with pytest.raises(ZeroDivisionError), temporary_folder() as folder:
        with tempfile.TemporaryDirectory() as inner:
            assert Path(inner).parent == folder
        assert folder.parent == root
        raise ZeroDivisionError
    assert list(root.iterdir()) == []
    assert tempfile.gettempdir() == str(root)


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such locks")
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_stays(warm: WarmProcesses, root: Path):
    (dead, left), (living, used) = holding(warm, root), holding(warm, root)
    with dead, living:
        dead.kill()
        dead.wait(120)
        with temporary_folder():
            assert not left.exists()
            assert (used / "unpacked").read_text() == "x"
    assert list(root.iterdir()) == [used]


def test_folders_of_others_and_links_stay(root: Path, tmp_path_factory: pytest.TempPathFactory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "lock").touch()
    (root / f"{PREFIX}link").symlink_to(elsewhere)
    (root / f"{PREFIX}new").mkdir()  # its process has not locked it yet
    (root / "mine").mkdir()
    (root / "mine" / "lock").touch()
    sweep(root)
    assert {path.name for path in root.iterdir()} == {f"{PREFIX}link", f"{PREFIX}new", "mine"}
    assert (elsewhere / "lock").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="knows no such locks")
def test_a_killed_calibration_of_a_zip_leaves_nothing_once_another_command_has_started(
    warm: WarmProcesses, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path
):
    images = shutil.make_archive(str(tmp_path / "id"), "zip", phantoms / "id")
    temporary, progress = tmp_path / "temporary", tmp_path / "progress"
    temporary.mkdir()
    nero = partial(warm.start, "-m", "nero_core.cli", env={"TMPDIR": str(temporary)})
    out = ("--out", tmp_path / "bundle", "--progress", progress)
    with nero("calibrate", tiny_checkpoint, images, *out, "--device", "cpu", "--allow-reduced-rank") as process:
        while process.poll() is None and not (progress.exists() and "digests" in progress.read_text()):
            time.sleep(0.01)
        process.kill()
        assert process.wait(120) == -signal.SIGKILL
    assert any(temporary.rglob("*.jpg"))
    with nero("benchmark", tmp_path / "no bundle") as other:
        assert other.wait(120) == 2
    assert list(temporary.iterdir()) == []


WAIT = """
import importlib, sys, time
from nero_core.cli.app import main

def wait(*given):
    print("now", flush=True)
    time.sleep(600)

importlib.import_module("nero_core.datasets.prepare").check_archive = wait
sys.argv = ["nero", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such locks")
def test_a_killed_prepare_of_a_zip_in_a_zip_leaves_nothing_once_another_command_has_started(
    phantoms: Path, tmp_path: Path
):
    shutil.make_archive(str(tmp_path / "inner" / "set"), "zip", phantoms / "id")
    wrapped = shutil.make_archive(str(tmp_path / "wrapped"), "zip", tmp_path / "inner")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    arguments = ["prepare", "folder", wrapped, str(tmp_path / "out")]
    command = [sys.executable, "-c", WAIT, *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "now\n"
        process.kill()
    assert any(temporary.rglob("*.zip"))
    again = [sys.executable, "-m", "nero_core.cli", *arguments]
    done = subprocess.run(again, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "Expected --protocol or --id-classes" in done.stderr
    assert list(temporary.iterdir()) == []
