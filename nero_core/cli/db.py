"""``nero db`` and ``nero audit``: the database of worklists, results and reviews, and its log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.cli.terminal import printable
from nero_core.errors import StoreError
from nero_core.store.settings import local_user

if TYPE_CHECKING:
    from nero_core.store import Store

AGES = {"d": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}  # letter → days
OlderThan = Annotated[str, typer.Option(help="Age: 90d, 12w, 6m (of 30 days) or 1y.")]
BROKEN = 1  # exit status


def upgrade() -> None:
    """Bring the database to the schema of this program; stop all servers first, and make a backup."""
    from nero_core.store import upgrade_database

    done = upgrade_database()
    what = "already" if done.before == done.after else f"before {done.before or 'none'}"
    typer.echo(f"Schema {done.after}, {what}: {printable(done.where)}")


def backup(
    file: Annotated[Path, typer.Argument(help="File to write; an older backup of that name is replaced.")],
) -> None:
    """Write the whole database to one file, also while a server writes. Uploaded files are not in it."""
    from nero_core.store import back_up

    check = back_up(file)
    typer.echo(f"Backup of {file.stat().st_size} bytes: {printable(str(file))}")
    typer.echo(f"Audit log: {check.lines} lines, digest of the last {check.head}")


def restore(
    file: Annotated[Path, typer.Argument(help="File that nero db backup wrote, from SQLite or PostgreSQL.")],
    replace: Annotated[bool, typer.Option("--replace", help="Give up what the database holds.")] = False,
) -> None:
    """Put a backup in the place of the database, whole or not at all; stop all servers first."""
    from nero_core.store import record
    from nero_core.store import restore as put_back

    check = put_back(file, replace=replace)
    with _store() as store:
        record(store, local_user(), "database restored", lines=check.lines, head=check.head)
    typer.echo(f"Restored {printable(str(file))}: {check.lines} lines of the audit log, and one that says so")


def prune(older_than: OlderThan) -> None:
    """Delete worklists, results, reviews and ended jobs that are older. The audit log stays."""
    from nero_core.store import prune as delete_old

    days = read_age(older_than)
    with _store() as store:
        worklists, jobs, files = delete_old(store, days, local_user())
    typer.echo(f"Deleted {worklists} worklists, {jobs} jobs and {files} uploaded files older than {days:g} days")


def verify(
    head: Annotated[str, typer.Option(help="Digest that an earlier check printed; a log that was cut lacks it.")] = "",
) -> None:
    """Check the chain of the audit log; names the first broken line, with exit status 1."""
    from nero_core.store import verify_audit

    with _store() as store:
        check = verify_audit(store, head)
    if check.broken is not None:
        typer.echo(f"Error: the audit log is broken at line {check.broken}: {check.reason}.", err=True)
        raise typer.Exit(BROKEN)
    typer.echo(f"The audit log is in order: {check.lines} lines, digest of the last {check.head}")


def read_age(text: str) -> float:
    """Days, from ``90d`` and the like.

    Raises:
        StoreError: it is no age.
    """
    found = re.fullmatch(r"(\d{1,5})([dwmy])", text.strip().lower())
    if not found:
        raise StoreError(f"Expected an age such as 90d, 12w, 6m or 1y. Found {text[:40]!r}. Write it so.")
    return int(found[1]) * AGES[found[2]]


@contextmanager
def _store() -> "Iterator[Store]":
    from nero_core.store import open_store

    with open_store() as store:
        yield store
