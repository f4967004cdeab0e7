"""The open store: one object for a process, which all its threads may use."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlalchemy import URL, Connection, Engine, text

from nero_core.store import settings
from nero_core.store.database import BEGIN, connect, read_url, told
from nero_core.store.migrate import bring_up_to_date

Clock = Callable[[], datetime]
SKEW = timedelta(seconds=300)  # by which clocks of several machines differ, or one is set right


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


class Store:
    """A database of the schema that this program speaks.

    A process opens its own: connections do not outlive a fork.

    Attributes:
        url: where the database is.
        clock: gives the moment that rows are marked with. It decides when a lease ends, and orders nothing.
        uploads: folder of uploaded files.
        keeps_names: whether names of files are kept.
    """

    def __init__(self, engine: Engine, clock: Clock, uploads: Path, keeps_names: bool) -> None:
        self.url: URL = engine.url
        self.clock = clock
        self.uploads = uploads
        self.keeps_names = keeps_names
        self._engine = engine
        is_sqlite = engine.dialect.name == "sqlite"
        reading = {} if is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = engine.execution_options(**reading)
        # SQLite takes the right to write when the transaction begins: two that read first and write then would refuse
        # one another.
        self._writer = engine.execution_options(**({BEGIN: "BEGIN IMMEDIATE"} if is_sqlite else {}))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the database for all that is read in the block.

        Raises:
            StoreError: the database does not answer.
        """
        with told(self.url), self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """All that is written in the block, or nothing: also when the process is killed or the disk is full.

        Raises:
            StoreError: no room, no right, or no answer; nothing was written.
            BusyError: others write for too long; nothing was written.
        """
        with told(self.url), self._writer.connect() as connection, connection.begin():
            yield connection

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self.clock().astimezone(UTC)

    def close(self) -> None:
        """End all connections."""
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str | None = None, clock: Clock = utc_now) -> Store:
    """The store of an address, or of the environment.

    An empty database gets the tables. A SQLite file of an older schema is migrated at once; PostgreSQL, which other
    servers of the older version may be using, only by ``nero db upgrade``.

    Raises:
        StoreError: no database, one of a newer schema, or of an older one that is not migrated here.
    """
    engine = connect(read_url(url or settings.database_url()))
    try:
        bring_up_to_date(engine)
        return Store(engine, clock, settings.home() / "uploads", settings.keeps_names())
    except BaseException:
        engine.dispose()
        raise


def lock(connection: Connection, table: str) -> None:
    """Keep other writers from a table until the transaction ends; in SQLite there is one writer anyway.

    Where several are locked in one transaction, ``audit`` comes last.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
