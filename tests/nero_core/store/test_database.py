"""A file of SQLite that several stores and several processes use at once."""

import subprocess
import sys
from pathlib import Path

from nero_core.store import add_job, find_jobs, open_store

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
