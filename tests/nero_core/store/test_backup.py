"""Backups: one state, from either database into either."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from nero_core.errors import StoreError
from nero_core.store import (
    Review,
    Store,
    add_review,
    add_worklist,
    audit_lines,
    back_up,
    find_items,
    find_worklists,
    open_store,
    record,
    restore,
    reviews_of,
    verify_audit,
)
from nero_core.store.database import connect, read_url
from nero_core.store.migrate import migrate_to
from nero_core.store.schema import REVISIONS
from tests.nero_core.store.conftest import OpenStore
from tests.nero_core.store.material import BUNDLE, child, items, score_all
from tests.nero_core.store.test_reviews import WRITES
from tests.postgresql import PostgreSQL
from tests.warm_process import WarmProcesses

NewDatabase = Callable[[bool], str]


def content(store: Store) -> list[object]:
    """All that callers can see."""
    lists = find_worklists(store)
    pages = [find_items(store, found.id, limit=10_000) for found in lists]
    reviews = [reviews_of(store, item.id) for page in pages for item in page.items]
    return [lists, pages, reviews, list(audit_lines(store))]


def fill(store: Store) -> None:
    number = add_worklist(store, "Łąka 🩺", "ann", BUNDLE, "verdict", items(20), {"tpr": 0.95, "on": True}).id
    for item in score_all(store, number)[:3]:
        add_review(store, Review(item, "ann", "override", verdict="unlike", comment="a\nb\t'\"\\ "))
    add_worklist(store, "Empty", "bob", BUNDLE, "verdict")


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Another, empty database, of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/target.db"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        yield server.new_database()


def test_a_backup_is_restored_into_either_database_with_all_that_is_in_it(
    database: str, store: Store, target: str, tmp_path: Path
):
    fill(store)
    written = back_up(tmp_path / "backup.db", database)
    assert (written.broken, written.lines, written.head) == (None, 25, verify_audit(store).head)
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.db"]  # no log beside it, nothing half
    assert (tmp_path / "backup.db").stat().st_mode & 0o077 == 0
    assert restore(tmp_path / "backup.db", target) == written
    with open_store(target) as copy:
        assert content(copy) == content(store)
        assert verify_audit(copy) == verify_audit(store)
        highest = find_worklists(store)[0].id
        assert add_worklist(copy, "New", "ann", BUNDLE, "verdict", items(3)).id > highest  # numbers go on
        add_review(copy, Review(score_all(copy, find_worklists(copy)[0].id)[0], "ann", "agree"))
        with pytest.raises(Exception, match="rows of audit are never changed"), copy.writing() as connection:
            connection.execute(text("DELETE FROM audit"))


def test_a_backup_while_two_others_write_is_one_state(
    warm: WarmProcesses, database: str, store: Store, worklist: int, tmp_path: Path
):
    item = score_all(store, worklist)[0]
    with child(warm, WRITES, database, item, "ann") as one, child(warm, WRITES, database, item, "bob") as other:
        for number in range(4):
            told = [int(process.stdout.readline()) for process in (one, other)]
            file = tmp_path / f"backup-{number}.db"
            check = back_up(file, database)
            with open_store(f"sqlite:///{file}") as copy:
                reviews = reviews_of(copy, item)
                logged = [line for line in audit_lines(copy) if line.action == "review"]
            assert check.broken is None and set(told) <= {review.id for review in reviews}
            assert len(logged) == len(reviews) and check.lines == 11 + len(reviews)
        assert one.poll() is None and other.poll() is None, "the writers were to write all the time"


def test_what_a_database_holds_is_given_up_only_when_that_is_said(
    store: Store, database: str, opened: OpenStore, tmp_path: Path
):
    fill(store)
    back_up(tmp_path / "backup.db", database)
    before = content(store)
    add_worklist(store, "Later", "ann", BUNDLE, "verdict", items(5))
    after = content(store)
    with pytest.raises(StoreError, match=r"Found one with \d+ lines.* say --replace"):
        restore(tmp_path / "backup.db", database)
    assert content(store) == after
    restore(tmp_path / "backup.db", database, replace=True)
    assert content(store) == before  # also for who had it open


def test_a_backup_of_an_older_schema_is_migrated(target: str, tmp_path: Path):
    engine = connect(read_url(f"sqlite:///{tmp_path}/old.db"))
    with engine.begin() as connection:
        migrate_to(connection, REVISIONS[0])
    engine.dispose()
    restore(tmp_path / "old.db", target)
    with open_store(target) as store:
        record(store, "ann", "export")
        with pytest.raises(Exception, match="never changed"), store.writing() as connection:
            connection.execute(text("DELETE FROM audit"))


def test_what_is_no_backup_is_refused_and_the_database_stays(store: Store, database: str, tmp_path: Path):
    fill(store)
    good = tmp_path / "good.db"
    back_up(good, database)
    before = content(store)
    (tmp_path / "text.db").write_text("no database")
    (tmp_path / "cut.db").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("VACUUM")
    for name, statement in (
        ("newer", "UPDATE alembic_version SET version_num = 'v9999'"),
        ("forged", "UPDATE audit SET actor = 'bob' WHERE sequence = 2"),
    ):
        shutil.copy(good, tmp_path / f"{name}.db")
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection, connection:
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (trigger,) in triggers:
                connection.execute(f"DROP TRIGGER {trigger}")
            connection.execute(statement)
    for name, words in {
        "missing": "Found no file",
        "text": "file is not a database",
        "cut": "malformed",
        "empty": "Found an empty database",
        "newer": "Found schema v9999",
        "forged": "broken at line 2",
    }.items():
        with pytest.raises(StoreError, match=words):
            restore(tmp_path / f"{name}.db", database, replace=True)
    assert content(store) == before


def test_a_broken_log_costs_no_older_backup(store: Store, database: str, tmp_path: Path):
    fill(store)
    file = tmp_path / "backup.db"
    back_up(file, database)
    before = file.read_bytes()
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER audit_unchanged_2"))
        connection.execute(text("UPDATE audit SET actor = 'bob' WHERE sequence = 2"))
    with pytest.raises(StoreError, match="broken at line 2"):
        back_up(file, database)
    assert file.read_bytes() == before


def test_a_database_is_no_backup_of_itself_and_nothing_is_no_database(tmp_path: Path, home: Path):
    with pytest.raises(StoreError, match="Found none"):
        back_up(tmp_path / "backup.db")
    assert not home.exists()
    open_store().close()
    with open_store():  # its log is there meanwhile
        for name in ("nero.db", "nero.db-wal", "nero.db-shm", "nero.db-journal"):
            with pytest.raises(StoreError, match="Expected another file than the database"):
                back_up(home / name)
        with pytest.raises(StoreError, match="Expected another file than the database"):
            restore(home / "nero.db", replace=True)
