"""Backups: one SQLite file with everything that the database holds, whichever database that is.

A backup is one state, also while others write: SQLite's own backup, or one snapshot of PostgreSQL. It is restored into
either of them, so that it is also the way from one to the other. Uploaded files are not in it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    MetaData,
    NullPool,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)

from nero_core.atomic import new_file
from nero_core.errors import StoreError
from nero_core.store import settings
from nero_core.store.audit import AuditCheck, verify_audit
from nero_core.store.database import PRIVATE, connect, read_url, told
from nero_core.store.migrate import TURN, age, bring_up_to_date, migrate_to, revision
from nero_core.store.store import Store, utc_now

PIECE = 1000  # rows in memory at a time
VERSION = "alembic_version"
ONE_FILE = "PRAGMA journal_mode=DELETE"  # a backup has no log beside it


def back_up(file: Path, url: str | None = None) -> AuditCheck:
    """Write a backup; an older file of that name is replaced once the new one is whole and its audit log in order.

    Args:
        file: to write.
        url: of the database; that of the environment otherwise.

    Returns:
        The check of the audit log in the backup.

    Raises:
        StoreError: no database, no room, a file that is the database itself, or an audit log that is broken: a broken
            log is no reason to lose an older backup.
    """
    source = read_url(url or settings.database_url())
    if source.drivername == "sqlite":
        if not Path(str(source.database)).is_file():
            raise StoreError(f"Expected a database at {source.database}. Found none. There is nothing to back up.")
        _check_other(file, source)
    file.parent.mkdir(parents=True, exist_ok=True)
    with new_file(file.resolve(), alone=False) as part:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, PRIVATE))
        if source.drivername == "sqlite":
            _copy_file(Path(str(source.database)), part, alone=True)
        else:
            with _engine(source) as engine, told(source):
                _copy_snapshot(engine, part)
        check = _check(part)
        if check.broken is not None:
            raise StoreError(
                f"Expected an audit log in order. Found it broken at line {check.broken}: {check.reason}. "
                f"Nothing was written to {file}. Look into it: nero audit verify"
            )
    return check


def restore(file: Path, url: str | None = None, replace: bool = False) -> AuditCheck:
    """Put a backup in the place of a database: whole, or not at all. Servers that use it need not stop, but forget
    nothing that they have on the screen; better stop them.

    Args:
        file: that ``back_up`` wrote, of this schema or an older one.
        url: of the database; that of the environment otherwise.
        replace: whether what the database holds is given up.

    Returns:
        The check of the audit log that was restored.

    Raises:
        StoreError: no backup, one of a newer schema or with a broken audit log, or a database that holds something.
    """
    if not file.is_file():
        raise StoreError(f"Expected a backup at {file}. Found no file. Name one that nero db backup wrote.")
    target = read_url(url or settings.database_url())
    _check_other(file, target)
    check = _check(file)
    if check.broken is not None:
        raise StoreError(
            f"Expected a backup with an audit log in order. Found it broken at line {check.broken}: {check.reason}. "
            "Restore another backup."
        )
    with _engine(target) as engine, told(target):
        with engine.connect() as connection, connection.begin():
            rows = _rows(connection)
        if rows and not replace:
            raise StoreError(
                f"Expected an empty database. Found one with {rows} lines. Make a backup of it, then say --replace."
            )
        if target.drivername == "sqlite":
            _copy_file(file, Path(str(target.database)))
        else:
            _load(engine, file)
        bring_up_to_date(engine)
    return check


def _check_other(file: Path, database: URL) -> None:
    """See that a backup is not the database, nor its log.

    Raises:
        StoreError: it is.
    """
    if settings.is_of_database(file, database.render_as_string(hide_password=False)):
        raise StoreError(f"Expected another file than the database. Found one of its own: {file}. Name another file.")


def _check(file: Path) -> AuditCheck:
    """What the audit log of a backup says; nothing is written to the file.

    Raises:
        StoreError: it is no backup, is damaged, or is of a newer schema.
    """
    with closing(_open(file)) as connection:
        try:
            fault = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            fault = str(error)
    if fault != "ok":
        raise StoreError(f"Expected a backup at {file}. Found: {fault}. Name a file that nero db backup wrote.")
    with _read_only(file) as engine:
        with engine.connect() as connection:
            if age(connection) == "empty":
                raise StoreError(f"Expected a backup at {file}. Found an empty database. Name another file.")
        return verify_audit(Store(engine, utc_now, Path(), False))


def _copy_file(source: Path, target: Path, alone: bool = False) -> None:
    """SQLite's own backup: one state of the source, and in the target all or nothing, for those that use it too."""
    try:
        with closing(sqlite3.connect(source)) as from_there, closing(sqlite3.connect(target)) as to_there:
            from_there.backup(to_there)
            if alone:
                to_there.execute(ONE_FILE)
    except sqlite3.Error as error:
        raise StoreError(
            f"Expected to copy {source} to {target}. Found: {error}. Check the room on the disk and the files."
        ) from error


def _copy_snapshot(engine: Engine, file: Path) -> None:
    """One snapshot of PostgreSQL as a SQLite file of the same schema."""
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _engine(URL.create("sqlite", database=str(file))) as copy, told(copy.url):
        with reader.connect() as source, source.begin(), copy.connect() as target, target.begin():
            found = revision(source)
            if age(source) == "empty" or found is None:
                raise StoreError(
                    "Expected a database of this program. Found an empty one. There is nothing to back up."
                )
            migrate_to(target, found)
            _copy_tables(source, target)
    with closing(sqlite3.connect(file)) as written:
        written.execute(ONE_FILE)


def _load(engine: Engine, file: Path) -> None:
    """A SQLite file into PostgreSQL, in one transaction: the old tables go, those of the file's schema come."""
    with _read_only(file) as copy:
        with copy.connect() as source, engine.connect() as target, target.begin():
            target.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
            _reflected(target).drop_all(target)
            target.execute(text("DROP FUNCTION IF EXISTS nero_refuse()"))
            migrate_to(target, str(revision(source)))
            for table in _copy_tables(source, target):
                if "id" in table.c:
                    last = select(func.coalesce(func.max(table.c.id), 0) + 1).scalar_subquery()
                    sequence = func.pg_get_serial_sequence(table.name, "id")
                    target.execute(select(func.setval(sequence, last, False)))
            migrate_to(target, "head")


def _copy_tables(source: Connection, target: Connection) -> list[Table]:
    """All rows of all tables, those first that others refer to."""
    tables = [table for table in _reflected(source).sorted_tables if table.name != VERSION]
    into = _reflected(target)
    for table in tables:
        key = next(iter(table.primary_key.columns))
        rows = source.execution_options(yield_per=PIECE).execute(select(table).order_by(key))
        for part in rows.mappings().partitions():
            target.execute(insert(into.tables[table.name]), [dict(row) for row in part])
    return list(into.sorted_tables)


def _reflected(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def _rows(connection: Connection) -> int:
    """How many rows a database has in all its tables, its schema's revision not counted."""
    names = [name for name in inspect(connection).get_table_names() if name != VERSION]
    return sum(connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in names)


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)


@contextmanager
def _read_only(file: Path) -> Iterator[Engine]:
    """A SQLite file that is read, and never written to."""
    engine = create_engine("sqlite://", creator=lambda: _open(file), poolclass=NullPool)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _engine(url: URL) -> Iterator[Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()
