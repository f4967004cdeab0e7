"""The folders on the server that users write to or may name, from the environment. Knows no Streamlit.

``NERO_HOME`` (``~/.nero-dashboard`` unless set) holds ``bundles/``, which every user of the server sees, and ``jobs/``,
which only the server looks into. Below ``NERO_DATA`` users may name folders; where it is not set, none.
"""

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from nero_core.atomic import part_of
from nero_core.errors import NeroError
from nero_core.store import database_files
from nero_core.store import home as home

PRIVATE = 0o700  # a job's folder is known by its id alone, so nobody else on the machine may list them
MOST_BUNDLES = 50  # of users, together
_NAME = re.compile(r"[^\w.-]+")
LONGEST_NAME = 60  # characters of a folder


def bundles() -> Path:
    """The bundles that users made or loaded."""
    return home() / "bundles"


def jobs() -> Path:
    """The folders of long jobs."""
    return home() / "jobs"


def server_id() -> str:
    """What tells this server's jobs from those of others that share its database; made once.

    Raises:
        NeroError: the folder cannot be written.
    """
    file = make_private(home()) / "server-id"
    if not file.exists():
        part = part_of(file)
        part.write_text(secrets.token_hex(8))
        with suppress(FileExistsError):  # another process was first
            file.hardlink_to(part)
        part.unlink()
    return file.read_text()


def data() -> Path | None:
    """The folder below which users may name a path on the server; None where the operator offers none."""
    named = os.environ.get("NERO_DATA")
    return Path(named).expanduser().resolve() if named else None


def make_private(folder: Path) -> Path:
    """The folder, made where it is missing, for the server's user alone.

    Raises:
        NeroError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    except OSError as error:
        raise NeroError(
            f"Expected to keep files in {folder}. Found: {error.strerror or error}. "
            "Ask who runs this server to set NERO_HOME to a folder that can be written."
        ) from error
    return folder


def below_data(text: str, may_be_file: bool = False) -> Path:
    """A folder on the server that a user named, relative to ``NERO_DATA`` or in full; or a file, where that will do.

    Raises:
        NeroError: none may be named, it is outside ``NERO_DATA`` once links are followed, is no folder, or is the
            server's own: what it keeps of others, or its database. All read the same, so that nobody learns what else
            the server holds.
    """
    root = data()
    if root is None:
        raise NeroError("Expected an upload. Found a path on the server, which this server does not offer. Upload it.")
    refused = NeroError(
        f"Expected a folder {'or a file ' if may_be_file else ''}below the server's data folder. "
        f"Found {text.strip()[:200]!r}, which is none. Name it relative to that folder, or ask who runs this server."
    )
    try:
        folder = (root / text.strip()).resolve()
        is_there = folder.is_dir() or (may_be_file and folder.is_file())
        if not text.strip() or not folder.is_relative_to(root) or not is_there or _is_own(folder):
            raise refused
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null character, links in a circle
        raise refused from error
    return folder


def _is_own(path: Path) -> bool:
    """Whether a resolved path is, or lies in, or holds what the server itself writes."""
    own = [home(), *(file.resolve() for file in database_files())]
    return path.is_relative_to(home()) or any(each.is_relative_to(path) for each in own)


def folder_name(title: str) -> str:
    """A folder's name from a title: letters, digits, ``.``, ``-`` and ``_``; never hidden, never empty."""
    return _NAME.sub("-", title)[:LONGEST_NAME].strip(".-_") or "bundle"


def free_place(title: str) -> Path:
    """Where a new bundle of this title may lie, beside those that are there.

    Raises:
        NeroError: there are as many as the server keeps.
    """
    folder = make_private(bundles())
    taken = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if len(taken) >= MOST_BUNDLES:
        raise NeroError(
            f"Expected fewer than {MOST_BUNDLES} reference sets made on this server. Found {len(taken)}. "
            "Remove one that nobody uses."
        )
    name, number = folder_name(title), 2
    place = folder / name
    while place.exists():
        place, number = folder / f"{name}-{number}", number + 1
    return place


def is_own(path: Path) -> bool:
    """Whether a bundle was made or loaded by a user of this server, and may therefore be removed."""
    return path.resolve().parent == bundles()
