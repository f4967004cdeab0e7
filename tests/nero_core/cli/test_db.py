"""``nero db`` and ``nero audit``."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import Result

from nero_core.cli.db import read_age
from nero_core.errors import StoreError
from nero_core.store import add_worklist, find_worklists, open_store, record, verify_audit

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    return tmp_path / "home"


def test_a_database_is_made_backed_up_and_restored(nero: Run, tmp_path: Path, home: Path):
    made = nero("db", "upgrade")
    assert made.exit_code == 0 and "before none" in made.stdout and str(home / "nero.db") in made.stdout
    assert "already" in nero("db", "upgrade").stdout
    with open_store() as store:
        add_worklist(store, "Monday", "ann", "b" * 64, "verdict")
        head = verify_audit(store).head
    backup = nero("db", "backup", tmp_path / "backup.db")
    assert backup.exit_code == 0 and f"1 lines, digest of the last {head}" in backup.stdout
    refused = nero("db", "restore", tmp_path / "backup.db")
    assert refused.exit_code == 2 and refused.stderr.startswith("Error: Expected an empty database.")
    restored = nero("db", "restore", tmp_path / "backup.db", "--replace")
    assert restored.exit_code == 0, restored.output
    with open_store() as store:
        assert len(find_worklists(store)) == 1
        assert verify_audit(store, head).lines == 2  # and the log says that it was restored


def test_pruning_says_what_is_gone(nero: Run):
    with open_store() as store:
        add_worklist(store, "Monday", "ann", "b" * 64, "verdict")
    assert "Deleted 0 worklists, 0 jobs and 0 uploaded files" in nero("db", "prune", "--older-than", "1d").stdout
    assert "Deleted 1 worklists, 0 jobs and 0 uploaded files" in nero("db", "prune", "--older-than", "0d").stdout
    assert nero("db", "prune", "--older-than", "soon").exit_code == 2


def test_ages_are_read():
    assert [read_age(text) for text in ("90d", "12w", "6M", " 1y ", "0d")] == [90, 84, 180, 365, 0]
    for wrong in ("", "90", "d", "-1d", "1.5d", "1000000d", "1d2w"):
        with pytest.raises(StoreError, match="Expected an age such as 90d"):
            read_age(wrong)


def test_the_first_broken_line_is_named_with_status_1(nero: Run):
    with open_store() as store:
        for number in range(5):
            record(store, "ann", "export", number=number)
        good = nero("audit", "verify")
        assert good.exit_code == 0 and "in order: 5 lines" in good.stdout
        head = verify_audit(store).head
        assert nero("audit", "verify", "--head", head).exit_code == 0
        assert nero("audit", "verify", "--head", "0f" * 32).exit_code == 1
        assert nero("audit", "verify", "--head", "0f").exit_code == 2
        with store.writing() as connection:
            connection.execute(text("DROP TRIGGER audit_unchanged_2"))
            connection.execute(text("UPDATE audit SET actor = 'bob' WHERE sequence = 3"))
    broken = nero("audit", "verify")
    assert broken.exit_code == 1
    assert broken.stderr.startswith("Error: the audit log is broken at line 3: its content is not what")


def test_help_does_not_wait_for_the_database_libraries():
    script = """
import sys
from typer.testing import CliRunner
from nero_core.cli.app import app
assert CliRunner().invoke(app, ["db", "--help"]).exit_code == 0
print(sorted({"sqlalchemy", "alembic", "psycopg", "torch"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_log_is_verified_without_pytorch():
    script = """
import sys
from typer.testing import CliRunner
from nero_core.cli.app import app
assert CliRunner().invoke(app, ["audit", "verify"]).exit_code == 0
print(sorted({"sqlalchemy", "psycopg", "torch", "scipy"} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "['sqlalchemy']\n"
