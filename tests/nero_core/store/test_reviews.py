"""Reviews: nothing is overwritten."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from nero_core.errors import StoreError
from nero_core.store import Review, Store, add_review, audit_lines, open_store, reviews_of, verify_audit
from tests.nero_core.store.conftest import Clock, OpenStore
from tests.nero_core.store.material import child, score_all

WRITES = """
import sys
from nero_core.store import Review, add_review, open_store
with open_store(sys.argv[1]) as store:
    for number in range(10_000):
        print(add_review(store, Review(int(sys.argv[2]), sys.argv[3], "comment", comment="x" * number)).id)
"""


def test_a_review_that_comes_later_leaves_the_earlier_ones(store: Store, worklist: int, clock: Clock):
    item = score_all(store, worklist)[0]
    first = add_review(store, Review(item, "ann", "override", verdict="unlike", label="polyps", comment="Łąka 🩺"))
    assert first.at == clock.moment and first.id > 0
    clock.move(minutes=1)
    second = add_review(store, Review(item, "ann", "agree"))
    assert reviews_of(store, item) == (first, second)
    assert reviews_of(store, item + 1) == ()


def test_reviews_are_in_the_order_of_their_numbers_when_the_clock_is_set_back(
    store: Store, worklist: int, clock: Clock
):
    item = score_all(store, worklist)[0]
    comments = []
    for number in range(3):
        comments.append(add_review(store, Review(item, "ann", "comment", comment=str(number))))
        clock.move(days=-300)
    assert reviews_of(store, item) == tuple(comments)
    assert [line.sequence for line in audit_lines(store)] == list(range(1, 15))
    assert verify_audit(store).broken is None


def test_a_second_reader_is_another_than_the_first(store: Store, worklist: int):
    item = score_all(store, worklist)[0]
    with pytest.raises(StoreError, match=r"first reader other than bob\. Found none"):
        add_review(store, Review(item, "bob", "agree", "second"))
    add_review(store, Review(item, "ann", "second_look"))
    with pytest.raises(StoreError, match=r"first reader other than ann\. Found the same"):
        add_review(store, Review(item, "ann", "agree", "second"))
    assert add_review(store, Review(item, "bob", "agree", "second")).reading == "second"


def test_what_is_not_scored_or_not_there_is_not_reviewed(store: Store, worklist: int):
    from nero_core.store import find_items

    waiting = find_items(store, worklist).items[0].id
    with pytest.raises(StoreError, match="Found one that waits"):
        add_review(store, Review(waiting, "ann", "agree"))
    with pytest.raises(StoreError, match="item of number 999"):
        add_review(store, Review(999, "ann", "agree"))
    with pytest.raises(StoreError, match="at most 4000 characters"):
        add_review(store, Review(waiting, "ann", "comment", comment="x" * 4001))
    assert [line.action for line in audit_lines(store)] == ["worklist added"]


def test_a_review_is_somebodys_and_an_override_says_what_instead():
    with pytest.raises(StoreError, match="name of the reader"):
        Review(1, "", "agree")
    with pytest.raises(StoreError, match="Found override with None"):
        Review(1, "ann", "override")
    with pytest.raises(StoreError, match="Found agree with like"):
        Review(1, "ann", "agree", verdict="like")


@pytest.mark.parametrize("table", ["reviews", "results"])
def test_the_database_refuses_to_change_what_is_written_once(store: Store, worklist: int, table: str):
    item = score_all(store, worklist)[0]
    add_review(store, Review(item, "ann", "agree"))
    with pytest.raises(DBAPIError, match=f"rows of {table} are never changed"), store.writing() as connection:
        connection.execute(text(f"UPDATE {table} SET verdict = 'unlike'"))
    assert reviews_of(store, item)[0].verdict is None


def test_reviews_of_many_readers_at_once_are_all_there(database: str, store: Store, worklist: int):
    item = score_all(store, worklist)[0]

    def read(reader: str) -> None:
        with open_store(database) as mine:
            for number in range(20):
                add_review(mine, Review(item, reader, "comment", comment=str(number)))

    threads = [threading.Thread(target=read, args=(reader,)) for reader in ("ann", "bob", "cid", "dan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = reviews_of(store, item)
    assert sorted((review.reader, int(review.comment)) for review in found) == [
        (reader, number) for reader in ("ann", "bob", "cid", "dan") for number in range(20)
    ]
    for reader in ("ann", "dan"):  # each one's own are in the order in which they were written
        assert [int(review.comment) for review in found if review.reader == reader] == list(range(20))
    assert verify_audit(store).lines == 1 + 10 + 80


def test_no_review_that_was_confirmed_is_lost_and_none_is_half_when_two_writers_are_killed(
    database: str, store: Store, opened: OpenStore, worklist: int
):
    item = score_all(store, worklist)[0]
    told: list[int] = []
    for lines in (1, 7, 19):
        with child(WRITES, database, item, "ann") as one, child(WRITES, database, item, "bob") as other:
            for _ in range(lines):
                told += [int(process.stdout.readline()) for process in (one, other) if process.stdout is not None]
        with opened().reading() as connection:
            rows = connection.execute(text("SELECT count(*) FROM reviews")).scalar_one()
        written = [line for line in audit_lines(store) if line.action == "review"]
        assert rows == len(written) == len(reviews_of(store, item)) >= len(told)
    assert len(set(told)) == 2 * (1 + 7 + 19)
    assert set(told) <= {review.id for review in reviews_of(store, item)}
    assert verify_audit(store).broken is None
