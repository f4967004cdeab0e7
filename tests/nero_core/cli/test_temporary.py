"""What a command unpacks is gone at its end, and what a killed one left is gone with the next."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from nero_core.cli.temporary import PREFIX, sweep, temporary_folder

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


def holding(root: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, "TMPDIR": str(root)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_temporary_files_lie_in_it_and_it_is_gone_at_the_end_also_after_an_error(root: Path):
    with pytest.raises(ZeroDivisionError), temporary_folder() as folder:
        with tempfile.TemporaryDirectory() as inner:
            assert Path(inner).parent == folder
        assert folder.parent == root
        raise ZeroDivisionError
    assert list(root.iterdir()) == []
    assert tempfile.gettempdir() == str(root)


@pytest.mark.skipif(sys.platform == "win32", reason="knows no such locks")
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_stays(root: Path):
    dead, left = holding(root)
    living, used = holding(root)
    try:
        dead.send_signal(signal.SIGKILL)
        dead.communicate(timeout=60)
        with temporary_folder():
            assert not left.exists()
            assert (used / "unpacked").read_text() == "x"
    finally:
        living.kill()
        living.communicate(timeout=60)
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
    phantoms: Path, tiny_checkpoint: Path, tmp_path: Path
):
    images = shutil.make_archive(str(tmp_path / "id"), "zip", phantoms / "id")
    temporary, progress = tmp_path / "temporary", tmp_path / "progress"
    temporary.mkdir()
    command = [sys.executable, "-m", "nero_core.cli", "calibrate", str(tiny_checkpoint), images]
    command += [
        "--out",
        str(tmp_path / "bundle"),
        "--progress",
        str(progress),
        "--device",
        "cpu",
        "--allow-reduced-rank",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (progress.exists() and "digests" in progress.read_text()):
            time.sleep(0.01)
        process.kill()
    assert any(temporary.rglob("*.jpg"))
    other = [sys.executable, "-m", "nero_core.cli", "benchmark", str(tmp_path / "no bundle")]
    done = subprocess.run(other, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert list(temporary.iterdir()) == []
