"""What is deleted: by who uploaded it, and by age. The audit log tells of it by digests, and stays."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, delete, select

from nero_core.errors import StoreError
from nero_core.store.audit import write_lines
from nero_core.store.schema import ImageRow, ItemRow, JobRow, WorklistRow
from nero_core.store.store import Store, lock
from nero_core.store.uploads import remove_uploads, sweep_uploads
from nero_core.store.worklists import PIECE, missing, pieces


def delete_worklist(store: Store, number: int, actor: str, owner: str | None = None) -> None:
    """Delete a worklist with its results, reviews and files; images that another worklist has stay.

    Args:
        store: where it is.
        number: of the worklist.
        actor: who asks for it.
        owner: whose it must be; anybody's where None.

    Raises:
        StoreError: there is none; another owner's reads the same.
    """
    with store.writing() as connection:
        query = select(WorklistRow.id).where(WorklistRow.id == number)
        if owner is not None:
            query = query.where(WorklistRow.owner == owner)
        if connection.execute(query.with_for_update()).first() is None:
            raise missing(number)
        gone = _remove(connection, store, [number], actor, "worklist deleted")
    remove_uploads(store, gone)


def delete_uploads(store: Store, owner: str) -> int:
    """Delete all that somebody uploaded: files, names, worklists, results and reviews, and their ended jobs.

    Equal images of others stay. What the audit log says of digests stays, so that its chain holds.

    Returns:
        How many images are gone.
    """
    with store.writing() as connection:
        mine = select(WorklistRow.id).where(WorklistRow.owner == owner).with_for_update()
        numbers = sorted(connection.execute(mine).scalars())
        connection.execute(delete(JobRow).where(JobRow.owner == owner, JobRow.ended.is_not(None)))
        gone = _remove(connection, store, numbers, owner, "uploads deleted")
    remove_uploads(store, gone)
    return len(gone)


def prune(store: Store, days: float, actor: str) -> tuple[int, int, int]:
    """Delete worklists and ended jobs that are older, and the files that nobody needs any more.

    Returns:
        How many worklists, jobs and files are gone.

    Raises:
        StoreError: a negative age.
    """
    if not 0 <= days < 1e6:
        raise StoreError(f"Expected an age of 0 to 1000000 days. Found {days}. Give another.")
    limit = store.now() - timedelta(days=days)
    with store.writing() as connection:
        old = select(WorklistRow.id).where(WorklistRow.added < limit).with_for_update()
        numbers = sorted(connection.execute(old).scalars())
        jobs = connection.execute(delete(JobRow).where(JobRow.ended < limit)).rowcount
        gone = _remove(connection, store, numbers, actor, "worklist pruned", {"jobs": jobs} if jobs else None)
    return len(numbers), jobs, remove_uploads(store, gone) + sweep_uploads(store)


def _remove(
    connection: Connection,
    store: Store,
    numbers: Sequence[int],
    actor: str,
    action: str,
    besides: dict[str, int] | None = None,
) -> list[str]:
    """Delete worklists, and images that have no other; say so in the audit log.

    Returns:
        The digests of the images that are gone.
    """
    digests: dict[int, list[str]] = defaultdict(list)
    for part in pieces(numbers, PIECE):
        query = select(ItemRow.worklist, ImageRow.digest).join(ImageRow, ImageRow.id == ItemRow.image)
        for number, digest in connection.execute(query.where(ItemRow.worklist.in_(part)).order_by(ItemRow.id)):
            digests[number].append(digest)
        connection.execute(delete(WorklistRow).where(WorklistRow.id.in_(part)))
    lock(connection, "images")  # after the worklists, as where images are added
    without_item = ~select(ItemRow.id).where(ItemRow.image == ImageRow.id).exists()
    gone = list(connection.execute(delete(ImageRow).where(without_item).returning(ImageRow.digest)).scalars())
    lines = [
        {"worklist": number, "images": list(part)}
        for number in numbers
        for part in (list(pieces(digests[number], PIECE)) or [[]])
    ]
    write_lines(connection, store, actor, action, [*lines, *([besides] if besides else [])])
    return gone
