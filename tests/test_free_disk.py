"""A full disk ends a run of the tests in words."""

from pathlib import Path

import pytest

from tests.free_disk import check
from tests.warm_process import ROOT, WarmProcesses

FULL_DISK = Path("/dev/full")  # to which nobody can write
TESTS = """
from pathlib import Path

def test_it_writes():
    Path("/dev/full").write_text("a file")

def test_it_comes_next():
    assert not "it was run"
"""


@pytest.mark.skipif(not FULL_DISK.exists(), reason="this system has no /dev/full")
def test_the_first_test_that_meets_a_full_disk_is_the_last(warm: WarmProcesses, tmp_path: Path):
    (tmp_path / "test_full.py").write_text(TESTS)
    plugins = ("-p", "no:cacheprovider", "-p", "tests.free_disk")
    done = warm.run("-m", "pytest", *plugins, "test_full.py", cwd=tmp_path, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 2
    assert "1 failed" in done.stdout and "it was run" not in done.stdout
    assert "The disk is full, so that other tests would fail too." in done.stdout


def test_too_little_room_ends_the_run_before_it_begins(tmp_path: Path):
    check(tmp_path, needed=1)
    with pytest.raises(pytest.exit.Exception, match=r"Expected 1073741824 GB of free disk .* Found .* Make room there"):
        check(tmp_path, needed=2**60)
