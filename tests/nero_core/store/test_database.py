"""A file of SQLite that several stores and several processes use at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from nero_core.errors import NeroError
from nero_core.store import add_job, find_jobs, open_store
from nero_core.worklist import files_of

LOOK = """
import sqlite3, sys
print(*(token for token, in sqlite3.connect(sys.argv[1]).execute("SELECT token FROM jobs ORDER BY id")))
"""


def seen_by_another_process(file: Path) -> list[str]:
    """Which leaves again, and takes the log with it where it believes that nobody else is there."""
    return subprocess.run([sys.executable, "-c", LOOK, file], check=True, capture_output=True, text=True).stdout.split()


def test_a_second_store_of_the_process_takes_no_lock_from_the_first(tmp_path: Path):
    file = tmp_path / "nero.db"
    with open_store(f"sqlite:///{file}") as first:
        add_job(first, "benchmark", "ada", token="before")
        with open_store(f"sqlite:///{file}") as second:
            assert seen_by_another_process(file) == ["before"]
            add_job(first, "benchmark", "ada", token="after")
            assert seen_by_another_process(file) == ["before", "after"]
            assert {job.token for job in find_jobs(second)} == {"before", "after"}


@pytest.mark.parametrize("name", ["nero.db", "nero.db-wal", "frames/1.png"])
def test_a_database_that_is_named_as_an_image_is_refused_and_loses_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    file = tmp_path / "nero.db"
    monkeypatch.setenv("NERO_DATABASE_URL", f"sqlite:///{file}")
    (tmp_path / "frames").mkdir()
    with open_store() as store:
        (tmp_path / "frames" / "1.png").hardlink_to(file)
        add_job(store, "benchmark", "ada", token="before")
        with pytest.raises(NeroError, match="Found the database"), files_of(tmp_path / name):
            pass
        assert seen_by_another_process(file) == ["before"]
        add_job(store, "benchmark", "ada", token="after")
        assert seen_by_another_process(file) == ["before", "after"]
