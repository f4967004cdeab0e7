"""What the operator sets by environment variables: where the database is, and what may be kept in it."""

import getpass
import os
from pathlib import Path

from nero_core.errors import StoreError

DATABASE = "nero.db"  # in NERO_HOME
YES, NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def home() -> Path:
    """``NERO_HOME``, ``~/.nero-dashboard`` unless set: where everything lies that the server keeps."""
    return Path(os.environ.get("NERO_HOME") or Path.home() / ".nero-dashboard").expanduser().resolve()


def database_url() -> str:
    """``NERO_DATABASE_URL``, or the SQLite file in ``NERO_HOME``."""
    return os.environ.get("NERO_DATABASE_URL") or f"sqlite:///{home() / DATABASE}"


def database_files(url: str | None = None) -> tuple[Path, ...]:
    """SQLite's own files, whether they are there or not: the database, and what lies beside it; none of PostgreSQL.

    Nobody but SQLite opens them: whoever closes one again ends the locks that SQLite has on it in that process.
    Another process that leaves then removes the log that this one still writes to.

    Args:
        url: of the database; that of the environment otherwise.
    """
    path = (url or database_url()).partition("?")[0].removeprefix("sqlite:///")
    if not Path(path).is_absolute():
        return ()
    return tuple(Path(path + end) for end in ("", "-wal", "-shm", "-journal"))


def is_of_database(path: Path, url: str | None = None) -> bool:
    """Whether a path is one of ``database_files``, under whatever name."""
    files = database_files(url)
    return path.resolve() in {file.resolve() for file in files} or any(
        path.exists() and file.exists() and path.samefile(file) for file in files
    )


def keeps_names() -> bool:
    """``NERO_KEEP_NAMES=1``: whether the names of uploaded files are kept in the database."""
    return _switch("NERO_KEEP_NAMES")


def keeps_pixels() -> bool:
    """``NERO_KEEP_PIXELS=1``: whether uploaded files are kept for as long as their worklist."""
    return _switch("NERO_KEEP_PIXELS")


def local_user() -> str:
    """Who acts where nobody has logged in: the user of this computer."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "operator"


def _switch(name: str) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value not in YES + NO:
        raise StoreError(f"Expected {name} to be 1 or 0. Found {value[:40]!r}. Set it to one of them.")
    return value in YES
