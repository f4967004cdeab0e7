"""Room on the disk: too little ends a run of the tests at once, and in words.

Where the disk is full, a test fails by what it waits for: hundreds of tests would do so one after the other, each after
its own timeout, and none would say why.
"""

import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

NEEDED = 4 * 2**30  # bytes at the start: all tests together write 3 GB, and those that fail keep their part
SPENT = 2**26  # bytes, below which a test that failed may have failed for want of room
FULL = "No space left on device"  # as the system says it, and whoever hands on its words


def check(folder: Path, needed: int = NEEDED) -> None:
    """End the run where there is less room."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        pytest.exit(
            f"Expected {needed / 2**30:.0f} GB of free disk for the tests in {folder}. Found {free / 2**30:.1f} GB. "
            "Make room there, or name a folder of another disk as TMPDIR.",
            returncode=1,
        )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before the first test; of processes that share the tests, the one that shares them out looks."""
    if not hasattr(session.config, "workerinput"):
        check(Path(tempfile.gettempdir()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a test that met a full disk there is no other."""
    report = yield
    if report.failed and (FULL in report.longreprtext or shutil.disk_usage(tempfile.gettempdir()).free < SPENT):
        item.session.shouldstop = "The disk is full, so that other tests would fail too. Make room and run them again."
    return report
