"""What a background scorer asks of the store: items to score, and a place for what it found.

A scorer *claims* items: until the lease ends nobody else gets them. A process that was killed renews no lease, so its
items are given to another. It may still be alive, and late: then it has lost the claim, and what it saves is refused.
So each item has one result, and none is lost.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, insert, or_, select, update

from nero_core.store.audit import write_lines
from nero_core.store.items import item_query, read_item
from nero_core.store.records import Claim, Result
from nero_core.store.schema import ImageRow, ItemRow, ResultRow, WorklistRow
from nero_core.store.store import SKEW, Store
from nero_core.store.worklists import PIECE, pieces
from nero_core.version import __version__

LEASE = 60.0  # seconds
MOST_ATTEMPTS = 3  # claims of an item that ended with their process before it counts as what ends processes
SCORER = "scorer"  # who is named in the audit log
UNKNOWN_MODEL = "0" * 64  # of an image whose scorer never lived to say


def claim_items(store: Store, worklist: int, limit: int = 32, seconds: float = LEASE) -> Claim:
    """Take items that wait, or whose scorer gave no sign of life, in the order of the worklist.

    An item whose scorers died ``MOST_ATTEMPTS`` times is failed instead: it would end the next one too.

    Args:
        store: where they are.
        worklist: number of the worklist.
        limit: how many at most.
        seconds: that the lease lasts, from now or from ``renew_claim``.
    """
    token, now = secrets.token_hex(16), store.now()
    until = now + timedelta(seconds=seconds)
    with store.writing() as connection:
        free = and_(ItemRow.worklist == worklist, or_(ItemRow.state == "waiting", _is_lost(now)))
        query = select(ItemRow.id, ItemRow.attempts).where(free).order_by(ItemRow.position).limit(limit)
        found = connection.execute(query.with_for_update(skip_locked=True)).all()
        deadly = [row.id for row in found if row.attempts >= MOST_ATTEMPTS]
        numbers = [row.id for row in found if row.attempts < MOST_ATTEMPTS]
        for part in pieces(numbers, PIECE):
            values = {"state": "claimed", "claim": token, "claimed": now, "until": until}
            connection.execute(
                update(ItemRow).where(ItemRow.id.in_(part)).values(**values, attempts=ItemRow.attempts + 1)
            )
        mine = item_query().where(ItemRow.claim == token).order_by(ItemRow.position)
        items = tuple(map(read_item, connection.execute(mine).mappings()))
        _give_up(connection, store, worklist, deadly)
    return claim_items(store, worklist, limit, seconds) if deadly and not items else Claim(token, items, until)


def renew_claim(store: Store, token: str, seconds: float = LEASE) -> int:
    """Give a sign of life: the lease lasts for that many seconds from now.

    Returns:
        How many items the claim still has.
    """
    now = store.now()
    with store.writing() as connection:
        statement = _mine(token).values(claimed=now, until=now + timedelta(seconds=seconds))
        return connection.execute(statement).rowcount


def release_claim(store: Store, token: str) -> int:
    """Give back what is not scored: of a scorer that was asked to stop. It does not count as an attempt.

    Returns:
        How many items wait again.
    """
    with store.writing() as connection:
        statement = _mine(token).values(state="waiting", attempts=ItemRow.attempts - 1, **_free())
        return connection.execute(statement).rowcount


def save_results(store: Store, token: str, results: Mapping[int, Result]) -> tuple[int, ...]:
    """Save what was found, as it comes; all in one step.

    Args:
        store: where to.
        token: of the claim.
        results: by number of the item.

    Returns:
        The items that were saved. Others were no longer the claim's: another scorer has them.
    """
    with store.writing() as connection:
        mine: dict[int, str] = {}
        for part in pieces(sorted(results), PIECE):
            query = select(ItemRow.id, ImageRow.digest).join(ImageRow, ImageRow.id == ItemRow.image)
            query = query.where(ItemRow.id.in_(part), ItemRow.claim == token, ItemRow.state == "claimed")
            mine |= {row.id: row.digest for row in connection.execute(query.with_for_update(of=ItemRow))}
        _insert_results(connection, store, mine, results)
    return tuple(mine)


def _insert_results(
    connection: Connection, store: Store, digests: Mapping[int, str], results: Mapping[int, Result]
) -> None:
    if not digests:
        return
    now = store.now()
    rows = [{**_columns(results[number]), "item": number, "at": now} for number in digests]
    connection.execute(insert(ResultRow), rows)
    for state, is_error in (("scored", False), ("failed", True)):
        for part in pieces([number for number in digests if bool(results[number].error) is is_error], PIECE):
            connection.execute(update(ItemRow).where(ItemRow.id.in_(part)).values(state=state, **_free()))
    lines = [_line(number, digest, results[number]) for number, digest in digests.items()]
    write_lines(connection, store, SCORER, "result", lines)


def _give_up(connection: Connection, store: Store, worklist: int, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    asked = connection.execute(select(WorklistRow.bundle, WorklistRow.method).where(WorklistRow.id == worklist)).one()
    error = f"Its scorer ended {MOST_ATTEMPTS} times without a word, as happens when memory runs out."
    result = Result(asked.bundle, UNKNOWN_MODEL, __version__, asked.method, error=error)
    query = select(ItemRow.id, ImageRow.digest).join(ImageRow, ImageRow.id == ItemRow.image)
    digests = {row.id: row.digest for row in connection.execute(query.where(ItemRow.id.in_(numbers)))}
    _insert_results(connection, store, digests, dict.fromkeys(digests, result))


def _columns(result: Result) -> dict[str, Any]:
    values = {name: getattr(result, name) for name in Result.__dataclass_fields__ if name != "at"}
    return {**values, "parts": dict(result.parts)}


def _line(number: int, digest: str, result: Result) -> dict[str, Any]:
    """What the audit log says of a result: no text of others, in which a name could be."""
    names = ("bundle", "model", "code", "method", "predicted", "score", "threshold", "p_value", "verdict")
    values = {name: getattr(result, name) for name in names}
    return {"item": number, "image": digest, **values, "is_error": bool(result.error)}


def _is_lost(now: datetime) -> ColumnElement[bool]:
    """A claim without a living scorer. One from the future, by a clock
    that was set back since, has no end that could be waited for."""
    return and_(ItemRow.state == "claimed", or_(ItemRow.until <= now, ItemRow.claimed > now + SKEW))


def _mine(token: str) -> Update:
    return update(ItemRow).where(ItemRow.claim == token, ItemRow.state == "claimed")


def _free() -> dict[str, None]:
    return {"claim": None, "claimed": None, "until": None}
