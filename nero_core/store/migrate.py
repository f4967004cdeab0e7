"""The schema of a database, and how it becomes the one that this program speaks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, Engine, inspect, text

from nero_core.errors import StoreError
from nero_core.store import settings
from nero_core.store.database import BEGIN, connect, read_url, told
from nero_core.store.schema import REVISIONS

Age = Literal["empty", "older", "current"]

MIGRATIONS = Path(__file__).parent / "migrations"
TURN = 0x6E65726F  # number of PostgreSQL's lock: those that migrate wait for one another


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did.

    Attributes:
        where: address of the database, without its password.
        before: revision of its schema; None where it was empty.
        after: the same now.
    """

    where: str
    before: str | None
    after: str


def revision(connection: Connection) -> str | None:
    """The revision of the schema that a database says it has; None where it says nothing."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def age(connection: Connection) -> Age:
    """How the schema of a database stands to the one of this program.

    Raises:
        StoreError: it is newer, or the tables are another program's.
    """
    found = revision(connection)
    if found is None:
        others = inspect(connection).get_table_names()
        if others:
            raise StoreError(
                f"Expected an empty database, or one of this program. Found the tables {', '.join(others)[:200]}. "
                "Name another database."
            )
        return "empty"
    if found not in REVISIONS:
        raise StoreError(
            f"Expected a database of schema {REVISIONS[-1]} or older. Found schema {found}, which a newer version of "
            "this program has made. Install that version, or restore a backup that an older one has made."
        )
    return "current" if found == REVISIONS[-1] else "older"


def upgrade_database(url: str | None = None) -> Upgrade:
    """The same for the database of an address, or of the environment.

    Raises:
        StoreError: no database, a newer schema, or another program's.
    """
    engine = connect(read_url(url or settings.database_url()))
    try:
        return upgrade(engine)
    finally:
        engine.dispose()


def bring_up_to_date(engine: Engine) -> None:
    """Make the tables of an empty database, and migrate an older SQLite file.

    Raises:
        StoreError: the schema is newer, or it is older and the database is PostgreSQL.
    """
    with told(engine.url), engine.connect() as connection, connection.begin():
        found = age(connection)
        before = revision(connection)
    if found == "current":
        return
    if found == "older" and engine.dialect.name == "postgresql":
        raise StoreError(
            f"Expected a database of schema {REVISIONS[-1]}. Found the older {before}. Stop all servers that use it, "
            "make a backup (nero db backup FILE) and run: nero db upgrade"
        )
    upgrade(engine)


def upgrade(engine: Engine) -> Upgrade:
    """Bring the schema to the one of this program, in one transaction; what others do at once waits.

    Raises:
        StoreError: the schema is newer, or another program's.
    """
    writer = engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
    with told(engine.url), writer.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        before = revision(connection)
        if age(connection) != "current":
            migrate_to(connection, REVISIONS[-1])
    return Upgrade(engine.url.render_as_string(hide_password=True), before, REVISIONS[-1])


def migrate_to(connection: Connection, target: str) -> None:
    """Run the migrations up to a revision, in the transaction of the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # configparser's own character
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, target)
