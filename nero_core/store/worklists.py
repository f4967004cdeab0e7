"""Worklists: adding and finding."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from nero_core.errors import StoreError
from nero_core.store.audit import write_lines
from nero_core.store.records import NewItem, Worklist, check_digest
from nero_core.store.schema import ImageRow, ItemRow, WorklistRow
from nero_core.store.store import Store, lock

T = TypeVar("T")
PIECE = 500  # values in one statement; SQLite takes some thousands
LONGEST = 200  # characters of a worklist's name


def add_worklist(
    store: Store,
    name: str,
    owner: str,
    bundle: str,
    method: str,
    items: Sequence[NewItem] = (),
    settings: Mapping[str, Any] | None = None,
) -> Worklist:
    """Add a worklist with its items, which wait to be scored.

    Args:
        store: where to.
        name: what its owner calls it; kept as it is.
        owner: who uploaded it.
        bundle: digest of the bundle to score with.
        method: that gives the verdict.
        items: in their order; more can follow by ``add_items``.
        settings: what page and scorer want to know again, as JSON. No names of files.

    Raises:
        StoreError: the owner has a worklist of this name, or the name or the digest is none.
    """
    check_digest(bundle, "the bundle")
    if not name.strip() or len(name) > LONGEST or not owner:
        raise StoreError(
            f"Expected an owner, and a worklist's name of 1 to {LONGEST} characters. "
            f"Found {owner[:80]!r} and a name of {len(name.strip())}. Give it another name."
        )
    row = {"name": name, "owner": owner, "bundle": bundle, "method": method, "settings": dict(settings or {})}
    with store.writing() as connection:
        lock(connection, "worklists")
        taken = select(WorklistRow.id).where(WorklistRow.owner == owner, WorklistRow.name == name)
        if connection.execute(taken).first() is not None:
            raise StoreError(
                f"Expected a new name for a worklist. Found one of the name {name!r}. Choose another name."
            )
        statement = insert(WorklistRow).values(**row, added=store.now()).returning(WorklistRow.id)
        number = connection.execute(statement).scalar_one()
        _insert_items(connection, store, number, owner, items)
        details = {"worklist": number, "bundle": bundle, "method": method, **_summary(items)}
        write_lines(connection, store, owner, "worklist added", [details])
    return worklist(store, number)


def add_items(store: Store, number: int, items: Sequence[NewItem]) -> None:
    """Add items at the end of a worklist, such as the frames of a video as they come.

    Raises:
        StoreError: there is no such worklist.
    """
    with store.writing() as connection:
        query = select(WorklistRow.owner).where(WorklistRow.id == number).with_for_update()
        owner = connection.execute(query).scalar()
        if owner is None:
            raise missing(number)
        _insert_items(connection, store, number, owner, items)
        write_lines(connection, store, owner, "items added", [{"worklist": number, **_summary(items)}])


def add_from_source(
    store: Store, number: int, items: Sequence[NewItem], before: Mapping[str, Any], after: Mapping[str, Any]
) -> bool:
    """Add what a source gave at the end of a worklist, and how far the source is read, in one step.

    Args:
        store: where it is.
        number: of the worklist.
        items: in their order; may be none.
        before: the settings by which the source was read.
        after: the settings from now on.

    Returns:
        Whether it was added; not where the settings are others by now: another scorer has read the source on.

    Raises:
        StoreError: there is no such worklist.
    """
    with store.writing() as connection:
        query = select(WorklistRow.owner, WorklistRow.settings).where(WorklistRow.id == number).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            raise missing(number)
        if row.settings != dict(before):
            return False
        _insert_items(connection, store, number, row.owner, items)
        connection.execute(update(WorklistRow).where(WorklistRow.id == number).values(settings=dict(after)))
        if items:
            write_lines(connection, store, row.owner, "items added", [{"worklist": number, **_summary(items)}])
    return True


def worklist(store: Store, number: int, owner: str | None = None) -> Worklist:
    """The worklist of a number, and of an owner where one is given.

    Raises:
        StoreError: there is none; another's reads the same.
    """
    query = _worklists(owner).where(WorklistRow.id == number)
    with store.reading() as connection:
        found = list(_records(connection, query))
    if not found:
        raise missing(number)
    return found[0]


def find_worklists(store: Store, owner: str | None = None, name: str | None = None) -> tuple[Worklist, ...]:
    """The worklists, the newest first: of an owner and of a name, where they are given."""
    query = _worklists(owner)
    if name is not None:
        query = query.where(WorklistRow.name == name)
    with store.reading() as connection:
        return tuple(_records(connection, query.order_by(WorklistRow.id.desc())))


def pieces(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values, some at a time."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def _insert_items(connection: Connection, store: Store, number: int, owner: str, items: Sequence[NewItem]) -> None:
    if not items:
        return
    images = _image_numbers(connection, store, owner, {item.digest for item in items})
    query = select(func.coalesce(func.max(ItemRow.position), -1)).where(ItemRow.worklist == number)
    first = connection.execute(query).scalar_one() + 1
    rows = [
        {
            "worklist": number,
            "position": position,
            "image": images[item.digest],
            "name": (item.name if store.keeps_names and item.name else item.label) or None,
            "frame": item.frame,
        }
        for position, item in enumerate(items, first)
    ]
    connection.execute(insert(ItemRow), rows)


def _image_numbers(connection: Connection, store: Store, owner: str, digests: Iterable[str]) -> dict[str, int]:
    """Numbers of an owner's images by digest; those that are new are added.

    Nobody deletes images that have no item while items are on their way.
    """
    lock(connection, "images")
    insert_new = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    numbers: dict[str, int] = {}
    added = store.now()
    for part in pieces(digests, PIECE):
        rows = [{"owner": owner, "digest": digest, "added": added} for digest in part]
        connection.execute(insert_new(ImageRow).on_conflict_do_nothing(), rows)
        query = select(ImageRow.digest, ImageRow.id).where(ImageRow.owner == owner, ImageRow.digest.in_(part))
        numbers |= {row.digest: row.id for row in connection.execute(query)}
    return numbers


def _summary(items: Sequence[NewItem]) -> dict[str, Any]:
    """What the audit log says of items: how many, and one digest of all their digests in order."""
    whole = hashlib.sha256("".join(item.digest for item in items).encode("ascii"))
    return {"images": len(items), "digest_of_digests": whole.hexdigest()}


def _worklists(owner: str | None) -> Select[Any]:
    query = select(*(getattr(WorklistRow, name) for name in Worklist.__dataclass_fields__ if name != "counts"))
    return query if owner is None else query.where(WorklistRow.owner == owner)


def _records(connection: Connection, query: Select[Any]) -> Iterator[Worklist]:
    rows: Sequence[Row[Any]] = connection.execute(query).all()
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for part in pieces([row.id for row in rows], PIECE):
        tally = select(ItemRow.worklist, ItemRow.state, func.count()).where(ItemRow.worklist.in_(part))
        for number, state, count in connection.execute(tally.group_by(ItemRow.worklist, ItemRow.state)):
            counts[number][state] = count
    for row in rows:
        yield Worklist(**row._mapping, counts=dict(counts[row.id]))


def missing(number: int) -> StoreError:
    """The error of a number that is no worklist's."""
    return StoreError(f"Expected a worklist of number {number}. Found none. It may have been deleted; choose another.")
