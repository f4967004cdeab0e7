"""The audit log."""

import hashlib
import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from nero_core.errors import StoreError
from nero_core.store import Review, Store, add_review, audit_lines, delete_uploads, record, verify_audit
from nero_core.store.audit import BEFORE_FIRST
from tests.nero_core.store.conftest import Clock
from tests.nero_core.store.material import score_all

REMOVE_GUARD = {
    "sqlite": ["DROP TRIGGER audit_unchanged_2", "DROP TRIGGER audit_unchanged_3", "DROP TRIGGER audit_unchanged_4"],
    "postgresql": ["ALTER TABLE audit DISABLE TRIGGER USER"],
}


@pytest.fixture
def five_lines(store: Store) -> Store:
    for number in range(5):
        record(store, "ann", "export", number=number, share=0.1 * number, what="CSV")
    return store


def tamper(store: Store, *statements: str) -> None:
    """As who has the right to change the schema, and takes the guards away first."""
    with store.writing() as connection:
        for statement in (*REMOVE_GUARD[connection.dialect.name], *statements):
            connection.execute(text(statement))


def test_lines_follow_one_another_by_the_formula(five_lines: Store, clock: Clock):
    previous = "0" * 64
    for number, line in enumerate(audit_lines(five_lines), 1):
        content = {
            "sequence": number,
            "at": "2026-03-02T09:00:00.000000+00:00",
            "actor": "ann",
            "action": "export",
            "details": line.details,
            "previous": previous,
        }
        written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        assert line.digest == hashlib.sha256(written.encode()).hexdigest()
        assert json.loads(line.details) == {"number": number - 1, "share": 0.1 * (number - 1), "what": "CSV"}
        previous = line.digest
    check = verify_audit(five_lines)
    assert (check.lines, check.head, check.broken, check.reason) == (5, previous, None, "")
    assert [line.sequence for line in audit_lines(five_lines, after=3)] == [4, 5]


def test_an_empty_log_is_in_order(store: Store):
    check = verify_audit(store)
    assert (check.lines, check.head, check.broken) == (0, BEFORE_FIRST, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'bob' WHERE sequence = 3",
        "DELETE FROM audit WHERE sequence = 5",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT OR REPLACE INTO audit SELECT sequence, at, 'bob', action, details, previous, digest FROM audit",
        "INSERT INTO audit SELECT * FROM audit WHERE true ON CONFLICT (sequence) DO UPDATE SET actor = 'bob'",
    ],
)
def test_the_database_refuses_to_change_a_line(five_lines: Store, statement: str):
    before = list(audit_lines(five_lines))
    with pytest.raises(DBAPIError) as refused, five_lines.writing() as connection:
        connection.execute(text(statement))
    other_dialect = "TRUNCATE" if five_lines.url.drivername == "sqlite" else "OR REPLACE"
    assert "rows of audit are never changed" in str(refused.value) or other_dialect in statement
    assert list(audit_lines(five_lines)) == before


@pytest.mark.parametrize(
    ("statement", "broken", "reason"),
    [
        ("UPDATE audit SET actor = 'bob' WHERE sequence = 3", 3, "its content is not what its digest was made of"),
        ("UPDATE audit SET details = '{}' WHERE sequence = 1", 1, "its content is not what"),
        ("UPDATE audit SET at = '2026-03-02T10:00:00.000000+00:00' WHERE sequence = 5", 5, "its content is not what"),
        ("DELETE FROM audit WHERE sequence = 3", 3, "it is missing; the next is line 4"),
        ("DELETE FROM audit WHERE sequence = 1", 1, "it is missing; the next is line 2"),
        ("UPDATE audit SET sequence = 9 WHERE sequence = 5", 5, "it is missing; the next is line 9"),
        ("INSERT INTO audit SELECT -1, at, actor, action, details, previous, digest FROM audit WHERE sequence = 5", 1,
         "it is missing; the next is line -1"),
    ],
)  # fmt: skip
def test_the_first_broken_line_is_named(five_lines: Store, statement: str, broken: int, reason: str):
    tamper(five_lines, statement)
    check = verify_audit(five_lines)
    assert (check.broken, check.lines) == (broken, broken - 1)
    assert check.reason.startswith(reason)


def test_a_line_that_was_forged_whole_breaks_the_next(five_lines: Store):
    from nero_core.store.audit import line_digest

    line = list(audit_lines(five_lines))[2]
    forged = line_digest(3, line.at, "bob", line.action, line.details, line.previous)
    tamper(five_lines, f"UPDATE audit SET actor = 'bob', digest = '{forged}' WHERE sequence = 3")
    check = verify_audit(five_lines)
    assert (check.broken, check.reason) == (4, "it does not follow the line before")


def test_a_log_that_was_cut_lacks_the_digest_that_was_noted(five_lines: Store):
    noted = verify_audit(five_lines).head
    record(five_lines, "ann", "export", number=6)
    assert verify_audit(five_lines, noted).broken is None
    tamper(five_lines, "DELETE FROM audit WHERE sequence >= 5")
    assert verify_audit(five_lines).broken is None  # the chain alone does not tell
    check = verify_audit(five_lines, noted)
    assert check.broken == 5 and "the log ends before the line of digest" in check.reason
    with pytest.raises(StoreError, match="Expected a digest of 64 digits"):
        verify_audit(five_lines, noted[:10])


def test_the_clock_orders_nothing(store: Store, clock: Clock):
    for days in (0, -400, 800):
        clock.move(days=days)
        record(store, "ann", "export", days=days)
    assert [json.loads(line.details)["days"] for line in audit_lines(store)] == [0, -400, 800]
    assert verify_audit(store).lines == 3


def test_what_is_deleted_elsewhere_breaks_no_chain_and_the_log_has_no_names(store: Store, worklist: int):
    number = score_all(store, worklist)[0]
    add_review(store, Review(number, "ann", "comment", comment="Mrs Kowalska, born 1950"))
    before = verify_audit(store)
    delete_uploads(store, "ann")
    after = verify_audit(store, before.head)
    assert after.broken is None and after.lines == before.lines + 1
    words = " ".join(line.details for line in audit_lines(store))
    assert "Kowalska" not in words and "frame" not in words and "Monday" not in words


def test_a_line_that_belongs_to_a_step_that_failed_is_not_written(store: Store):
    from nero_core.store.audit import write_lines

    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        write_lines(connection, store, "ann", "export", [{"number": 1}])
        raise ZeroDivisionError
    assert verify_audit(store).lines == 0
