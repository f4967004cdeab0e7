"""Connections to SQLite and to PostgreSQL, and their errors in words."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from nero_core.errors import BusyError, NeroError, StoreError

PATIENCE = 30.0  # seconds that a writer waits for another
BEGIN = "nero_begin"  # name of the option that says how SQLite begins a transaction
PRIVATE = 0o600  # a database is read by the server's user alone

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # a file that may not grow is an error of reading and writing
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_FILE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_DISK_STATES = ("53100", "58030")  # disk_full, io_error
_BUSY_STATES = ("40001", "40P01", "55P03")  # serialization_failure, deadlock_detected, lock_not_available


def read_url(text: str) -> URL:
    """The address of a database.

    Raises:
        StoreError: it names neither a SQLite file nor a PostgreSQL database.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is not None and url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url is not None and url.drivername == "sqlite" and Path(url.database or "").is_absolute():
        return url  # a path from here would be another one in the server's folder
    shown = "something else" if url is None else url.render_as_string(hide_password=True)
    raise StoreError(
        "Expected a database as postgresql://user:password@host/name or sqlite:////path/nero.db. "
        f"Found {shown}. Mend NERO_DATABASE_URL."
    )


def connect(url: URL) -> Engine:
    """An engine; nothing is connected yet, and of SQLite the file and its folder are made.

    Its errors name statements without their values, in which names of files could be.

    Raises:
        StoreError: the folder cannot be made, or PostgreSQL's driver is not installed.
    """
    return _sqlite(url) if url.drivername == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never opened where it is there: to close it would end all locks that SQLite has on it in this process, and
        # another process that leaves would then remove the log that this one still writes to.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    except OSError as error:
        raise StoreError(
            f"Expected a database file at {path}. Found: {error.strerror or error}. "
            "Set NERO_HOME to a folder that can be written, or NERO_DATABASE_URL to a database."
        ) from error
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": PATIENCE, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:  # noqa: ANN401  of sqlite3, wrapped by SQLAlchemy
        cursor = connection.cursor()
        _write_ahead(cursor)
        for pragma in ("foreign_keys=ON", "synchronous=FULL"):  # a commit outlives a power cut
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))

    return engine


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Keep the log that lets readers go on beside a writer.

    SQLite itself does not wait where two ask for it of a new file at once: one is refused immediately.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _postgresql(url: URL) -> Engine:
    options = {"connect_timeout": int(PATIENCE), "options": f"-c timezone=utc -c lock_timeout={int(PATIENCE)}s"}
    try:
        return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=options)
    except ImportError as error:
        raise StoreError(
            "Expected PostgreSQL's driver psycopg for NERO_DATABASE_URL. Found none. "
            'Install it: pip install "nero-dashboard[postgresql]"'
        ) from error


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Turns the database's own errors into ours, where the user or the operator can mend them.

    Raises:
        StoreError: no room, no right, no database.
        BusyError: others write for too long.
    """
    try:
        yield
    except DBAPIError as error:
        ours = _translated(error, url.render_as_string(hide_password=True))
        if ours is None:
            raise
        raise ours from error


def _translated(error: DBAPIError, where: str) -> NeroError | None:
    original = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    state = getattr(original, "sqlstate", None)
    primary = None if code is None else code & 0xFF
    is_limit = state == "XX000" and "could not extend file" in str(original)  # a quota, which has no state of its own
    if primary in _FULL or state in _DISK_STATES or is_limit:
        return StoreError(
            f"Expected room on the disk of {where}. Found: {_first_line(original)}. "
            "Nothing of this step was written. Make room and try again."
        )
    if primary in _BUSY or state in _BUSY_STATES:
        return BusyError(
            f"Expected to write to {where} within {PATIENCE:g} seconds. Found others at work. Try again in a moment."
        )
    if primary in _NO_FILE:
        return StoreError(
            f"Expected a database that can be written at {where}. Found: {_first_line(original)}. "
            "Check the path and the right to use it, with those of the files beside it."
        )
    if primary in _NO_DATABASE:
        return StoreError(
            f"Expected a SQLite database at {where}. Found: {_first_line(original)}. "
            "Restore a backup: nero db restore FILE --replace"
        )
    if error.connection_invalidated or (state is None and code is None) or str(state)[:2] in ("08", "28", "3D", "57"):
        return StoreError(
            f"Expected a database that answers at {where}. Found: {_first_line(original)}. "
            "Start it, or mend NERO_DATABASE_URL."
        )
    return None


def _first_line(original: object) -> str:
    return str(original).strip().splitlines()[0] if str(original).strip() else type(original).__name__


@contextmanager
def private_file(place: Path, what: str) -> Iterator[None]:
    """The block writes a file that the server's user alone may read; its folder is made.

    Args:
        place: of the file.
        what: the block does, as it stands after "Expected".

    Raises:
        StoreError: the system refuses it.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield
    except OSError as error:
        raise StoreError(
            f"Expected {what}. Found: {error.strerror or error}. "
            "Ask who runs this server to make room, or to set NERO_HOME to a folder that can be written."
        ) from error
    make_private(place)


def make_private(path: Path) -> None:
    """Leave a file to the server's user alone, where the system knows such rights."""
    with suppress(OSError):
        path.chmod(PRIVATE)
