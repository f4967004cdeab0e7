"""Worklists that their owner has opened to a second reader. What is not opened reads as if it were not there."""

from sqlalchemy import select, update

from nero_core.store.audit import write_lines
from nero_core.store.records import SHARED, Worklist
from nero_core.store.schema import WorklistRow
from nero_core.store.store import Store
from nero_core.store.worklists import find_worklists, missing, worklist


def share_worklist(store: Store, number: int, owner: str, is_shared: bool) -> None:
    """Open a worklist to every reader of this server, or close it again; what others have said stays.

    Raises:
        StoreError: the owner has no such worklist.
    """
    with store.writing() as connection:
        query = select(WorklistRow.settings).where(WorklistRow.id == number, WorklistRow.owner == owner)
        row = connection.execute(query.with_for_update()).first()
        if row is None:
            raise missing(number)
        settings = {**row.settings, SHARED: is_shared}
        connection.execute(update(WorklistRow).where(WorklistRow.id == number).values(settings=settings))
        action = "worklist opened to readers" if is_shared else "worklist closed to readers"
        write_lines(connection, store, owner, action, [{"worklist": number}])


def readable_worklist(store: Store, number: int, reader: str) -> Worklist:
    """A worklist of the reader's own, or one that its owner has opened.

    Raises:
        StoreError: there is none; another's that is not opened reads the same.
    """
    found = worklist(store, number)
    if found.owner != reader and not found.is_shared:
        raise missing(number)
    return found


def worklists_of_others(store: Store, reader: str) -> tuple[Worklist, ...]:
    """The worklists that others have opened, the newest first."""
    return tuple(found for found in find_worklists(store) if found.is_shared and found.owner != reader)
