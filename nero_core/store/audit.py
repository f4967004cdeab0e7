"""The audit log: who did what to what, each line chained to the one before.

A line holds digests and numbers, never a file's name, pixels or free text, so that what is deleted elsewhere is not
here. The database refuses to change or delete a line; who gets past that breaks the chain::

    digest(n) = SHA-256 of the canonical JSON of {sequence, at, actor, action, details, previous},
    previous(n) = digest(n − 1),   previous(1) = 64 zeros

The chain does not tell that lines are missing at its end: note the last digest elsewhere, and ask for it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from nero_core.errors import StoreError
from nero_core.store.schema import AuditRow
from nero_core.store.store import Store, lock

BEFORE_FIRST = "0" * 64
PIECE = 1000  # lines in memory at a time


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line.

    Attributes:
        sequence: 1, 2, 3, …: the order, whatever the clock says.
        at: moment in UTC, as the clock of the machine gave it.
        actor: user, or program.
        action: what was done, such as ``result``.
        details: canonical JSON.
        previous: digest of the line before.
        digest: of this line.
    """

    sequence: int
    at: str
    actor: str
    action: str
    details: str
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What a check of the whole chain found.

    Attributes:
        lines: that are in order.
        head: digest of the last of them.
        broken: number of the first line that is not; None where all are.
        reason: what is wrong with it.
    """

    lines: int
    head: str
    broken: int | None = None
    reason: str = ""


def canonical(value: Mapping[str, Any]) -> str:
    """JSON of which one value has one form: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def line_digest(sequence: int, at: str, actor: str, action: str, details: str, previous: str) -> str:
    """SHA-256 of a line, in hexadecimal."""
    content = {"sequence": sequence, "at": at, "actor": actor, "action": action, "details": details}
    return hashlib.sha256(canonical({**content, "previous": previous}).encode("ascii")).hexdigest()


def write_lines(
    connection: Connection, store: Store, actor: str, action: str, details: Sequence[Mapping[str, Any]]
) -> None:
    """Add lines in the transaction of what they tell, as its last step: the log is locked until it ends."""
    if not details:
        return
    lock(connection, "audit")
    last = connection.execute(
        select(AuditRow.sequence, AuditRow.digest).order_by(AuditRow.sequence.desc()).limit(1)
    ).first()
    sequence, previous = (0, BEFORE_FIRST) if last is None else (last.sequence, last.digest)
    at = store.now().isoformat(timespec="microseconds")
    rows = []
    for entry in details:
        sequence += 1
        content = {"sequence": sequence, "at": at, "actor": actor, "action": action, "details": canonical(entry)}
        digest = line_digest(**content, previous=previous)  # type: ignore[arg-type]
        rows.append({**content, "previous": previous, "digest": digest})
        previous = digest
    connection.execute(insert(AuditRow), rows)


def record(store: Store, actor: str, action: str, **details: str | int | float | bool | None) -> None:
    """Add one line on what is no change of the store: an export, a report, a login. No names, no free text."""
    with store.writing() as connection:
        write_lines(connection, store, actor, action, [details])


def audit_lines(store: Store, after: int = 0) -> Iterator[AuditLine]:
    """The lines after a number, in order."""
    columns = [getattr(AuditRow, name) for name in AuditLine.__dataclass_fields__]
    while True:
        query = select(*columns).where(AuditRow.sequence > after).order_by(AuditRow.sequence).limit(PIECE)
        with store.reading() as connection:  # not open while the caller reads
            lines = [AuditLine(*row) for row in connection.execute(query)]
        yield from lines
        if len(lines) < PIECE:
            return
        after = lines[-1].sequence


def verify_audit(store: Store, head: str = "") -> AuditCheck:
    """Check the chain from its first line to its last.

    Args:
        store: whose log.
        head: digest that an earlier check gave; a log that was cut lacks it.

    Returns:
        How many lines are in order, and what is wrong with the first that is not.

    Raises:
        StoreError: ``head`` is no digest.
    """
    if head and len(head) != len(BEFORE_FIRST):
        raise StoreError(
            f"Expected a digest of {len(BEFORE_FIRST)} digits. Found {head[:80]!r}. Copy the whole digest."
        )
    number, previous, seen = 0, BEFORE_FIRST, head in ("", BEFORE_FIRST)
    for line in audit_lines(store, after=-(2**31)):
        reason = _fault(line, number + 1, previous)
        if reason:
            return AuditCheck(number, previous, number + 1, reason)
        number, previous = line.sequence, line.digest
        seen = seen or line.digest == head
    if not seen:
        return AuditCheck(number, previous, number + 1, f"the log ends before the line of digest {head}")
    return AuditCheck(number, previous)


def _fault(line: AuditLine, expected: int, previous: str) -> str:
    if line.sequence != expected:
        return f"it is missing; the next is line {line.sequence}"
    if line.previous != previous:
        return "it does not follow the line before"
    digest = line_digest(line.sequence, line.at, line.actor, line.action, line.details, line.previous)
    return "" if digest == line.digest else "its content is not what its digest was made of"
