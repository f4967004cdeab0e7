"""The schema: made, migrated, refused."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from nero_core import types
from nero_core.errors import StoreError
from nero_core.store import audit_lines, open_store, record, upgrade_database, verify_audit
from nero_core.store.database import connect, read_url
from nero_core.store.migrate import MIGRATIONS, migrate_to, revision
from nero_core.store.records import Verdict
from nero_core.store.schema import REVISIONS, Base
from tests.postgresql import PostgreSQL

NewDatabase = Callable[[bool], str]


def change(url: str, *statements: str) -> None:
    engine = connect(read_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def old_database(new_database: NewDatabase) -> str:
    """Of the first schema, with one line in its log."""
    url = new_database(False)
    engine = connect(read_url(url))
    with engine.begin() as connection:
        migrate_to(connection, REVISIONS[0])
        line = "1, '2026-03-02T09:00:00.000000+00:00', 'ann', 'export', '{}', '0', '0'"
        connection.execute(text(f"INSERT INTO audit VALUES ({line})"))
    engine.dispose()
    return url


def test_the_migrations_make_the_tables_that_the_program_speaks_of(database: str):
    engine = connect(read_url(database))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert revision(connection) == REVISIONS[-1]
    engine.dispose()


def test_the_list_of_revisions_is_alembics():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)
    assert tuple(reversed([step.revision for step in script.walk_revisions()])) == REVISIONS
    assert script.get_heads() == [REVISIONS[-1]]


def test_an_empty_database_gets_its_tables_by_whoever_comes_first(new_database: NewDatabase):
    url = new_database(False)
    errors: list[BaseException] = []

    def begin(name: str) -> None:
        try:
            with open_store(url) as store:
                record(store, name, "export")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=begin, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_store(url) as store:
        assert sorted(line.actor for line in audit_lines(store)) == ["0", "1", "2", "3"]
        assert verify_audit(store).lines == 4


def test_an_older_schema_is_migrated_at_start_or_refused_with_the_command_to_run(old_database: str):
    if old_database.startswith("sqlite"):
        open_store(old_database).close()
    else:
        with pytest.raises(StoreError, match=r"Found the older v0001\. .* run: nero db upgrade"):
            open_store(old_database)
        done = upgrade_database(old_database)
        assert (done.before, done.after) == ("v0001", REVISIONS[-1])
    with open_store(old_database) as store:
        assert [line.actor for line in audit_lines(store)] == ["ann"]  # what was there is there
    again = upgrade_database(old_database)
    assert again.before == again.after == REVISIONS[-1]


def test_a_newer_schema_is_refused_with_words(database: str):
    change(database, "UPDATE alembic_version SET version_num = 'v9999'")
    for begin in (open_store, upgrade_database):
        with pytest.raises(StoreError, match=r"Found schema v9999, which a newer version .* Install that version"):
            begin(database)


def test_the_tables_of_another_program_are_left_alone(new_database: NewDatabase):
    url = new_database(False)
    change(url, "CREATE TABLE patients (name TEXT)")
    for begin in (open_store, upgrade_database):
        with pytest.raises(StoreError, match="Found the tables patients"):
            begin(url)


def test_a_migration_that_fails_leaves_the_schema_as_it_was(old_database: str, monkeypatch: pytest.MonkeyPatch):
    if old_database.startswith("sqlite"):
        change(old_database, "CREATE TRIGGER audit_unchanged_3 BEFORE DELETE ON audit BEGIN SELECT 1; END")
        blocked, remove = "audit_unchanged_3", "DROP TRIGGER audit_unchanged_3"
    else:
        change(old_database, "CREATE FUNCTION nero_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
        blocked, remove = "nero_refuse", "DROP FUNCTION nero_refuse"
    with pytest.raises(Exception, match=blocked):
        upgrade_database(old_database)
    engine = connect(read_url(old_database))
    with engine.connect() as connection:
        assert revision(connection) == REVISIONS[0]
    engine.dispose()
    change(old_database, remove)
    assert upgrade_database(old_database).before == REVISIONS[0]


@pytest.mark.parametrize(
    "address",
    ["", "mysql://root@localhost/x", "sqlite://", "sqlite:///:memory:", "sqlite:///nero.db", "nero.db", "1:2:3"],
)
def test_what_names_no_database_is_refused(address: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(StoreError, match=r"Expected a database as postgresql://.* Mend NERO_DATABASE_URL"):
        read_url(address)


def test_a_password_is_never_told():
    with pytest.raises(StoreError) as refused:
        open_store("postgresql://nero:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(refused.value) and "127.0.0.1:1" in str(refused.value)
    with pytest.raises(StoreError) as refused:
        read_url("mysql://nero:hunter2@localhost/x")
    assert "hunter2" not in str(refused.value)


def test_a_database_that_is_not_there_is_told(postgresql: PostgreSQL):
    with pytest.raises(StoreError, match=r"Expected a database that answers at .* does not exist.* mend NERO_DATABASE"):
        open_store(postgresql.new_database() + "_none")


def test_a_file_that_is_no_database_and_a_folder_that_cannot_be_made_are_told(tmp_path: Path):
    (tmp_path / "x.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match=r"Expected a SQLite database at .*not a database.* nero db restore"):
        open_store(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(StoreError, match=r"Expected a database file at .*Set NERO_HOME"):
        open_store(f"sqlite:///{tmp_path}/x.db/below/nero.db")


def test_the_database_of_the_environment_is_in_its_home(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    open_store().close()
    file = home / "nero.db"
    assert file.stat().st_mode & 0o077 == 0 and home.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    monkeypatch.setenv("NERO_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    open_store().close()
    assert (tmp_path / "other.db").is_file()


def test_the_verdicts_words_are_those_of_the_detections():
    assert get_args(Verdict) == get_args(types.Verdict)
