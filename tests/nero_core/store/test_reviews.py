"""Reviews: nothing is overwritten."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from nero_core.errors import StoreError
from nero_core.store import (
    Filter,
    Review,
    Store,
    add_review,
    audit_lines,
    find_item,
    find_items,
    open_store,
    readable_worklist,
    reviews_of,
    share_worklist,
    verify_audit,
    worklists_of_others,
)
from tests.nero_core.store.conftest import Clock, OpenStore
from tests.nero_core.store.material import child, score_all
from tests.warm_process import WarmProcesses

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


def test_who_reads_after_another_is_the_second_reader_and_comments_are_no_reading(store: Store, worklist: int):
    item = score_all(store, worklist)[0]
    add_review(store, Review(item, "cid", "comment", comment="Later."))
    with pytest.raises(StoreError, match=r"first reader other than bob\. Found none"):
        add_review(store, Review(item, "bob", "agree", "second"))
    add_review(store, Review(item, "ann", "agree"))
    with pytest.raises(StoreError, match="Expected bob as the second reader"):
        add_review(store, Review(item, "bob", "agree"))
    assert [review.reader for review in reviews_of(store, item)] == ["cid", "ann"]


def test_items_tell_what_is_read_once_what_asks_for_a_second_reader_and_where_readers_disagree(
    store: Store, worklist: int
):
    ids = score_all(store, worklist, [0.01, 0.01, *[0.5] * 8])  # two are called unlike, eight like
    said: list[tuple[int, str, str, str | None]] = [
        (0, "ann", "agree", None),
        (0, "bob", "override", "like"),  # disagree: unlike, like
        (1, "ann", "override", "like"),
        (1, "bob", "override", "like"),  # agree
        (2, "ann", "second_look", None),
        (3, "ann", "second_look", None),
        (3, "bob", "override", "unlike"),  # a second reader's answer, not a disagreement
        (4, "ann", "agree", None),
        (5, "ann", "override", "borderline"),
        (5, "bob", "agree", None),  # disagree: borderline, like
        (5, "ann", "comment", None),
    ]
    for place, reader, decision, verdict in said:
        item = find_item(store, ids[place])
        assert item is not None
        add_review(store, Review(ids[place], reader, decision, item.reading(reader), verdict))  # type: ignore[arg-type]
    expected = {"wanted": {2}, "once": {2, 4}, "disagree": {0, 5}}
    for readings, places in expected.items():
        page = find_items(store, worklist, where=Filter(readings=(readings,)))  # type: ignore[arg-type]
        assert {item.position for item in page.items} == places and page.total == len(places)
    everything = find_items(store, worklist, "disagreement").items
    assert {item.position for item in everything if item.disagrees} == {0, 5}
    assert [item.position for item in everything] == [0, 5, 1, 3, 2, 4, 6, 7, 8, 9]
    first, second = everything[0].first, everything[0].second
    assert first is not None and second is not None and (first.reader, second.reader) == ("ann", "bob")
    assert everything[0].review == second
    assert [everything[0].reading(reader) for reader in ("ann", "bob", "cid")] == ["first", "second", "second"]


def test_a_list_is_read_by_others_only_once_its_owner_has_opened_it(store: Store, worklist: int):
    assert readable_worklist(store, worklist, "ann").owner == "ann" and worklists_of_others(store, "bob") == ()
    with pytest.raises(StoreError, match="worklist of number"):
        readable_worklist(store, worklist, "bob")
    with pytest.raises(StoreError, match="worklist of number"):
        share_worklist(store, worklist, "bob", True)
    share_worklist(store, worklist, "ann", True)
    assert readable_worklist(store, worklist, "bob").id == worklist
    assert [listed.id for listed in worklists_of_others(store, "bob")] == [worklist]
    assert worklists_of_others(store, "ann") == ()
    share_worklist(store, worklist, "ann", False)
    assert worklists_of_others(store, "bob") == ()
    actions = [line.action for line in audit_lines(store)]
    assert actions[-2:] == ["worklist opened to readers", "worklist closed to readers"]


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
    warm: WarmProcesses, database: str, store: Store, opened: OpenStore, worklist: int
):
    item = score_all(store, worklist)[0]
    told: list[int] = []
    for lines in (1, 7, 19):
        with child(warm, WRITES, database, item, "ann") as one, child(warm, WRITES, database, item, "bob") as other:
            for _ in range(lines):
                told += [int(process.stdout.readline()) for process in (one, other)]
        with opened().reading() as connection:
            rows = connection.execute(text("SELECT count(*) FROM reviews")).scalar_one()
        written = [line for line in audit_lines(store) if line.action == "review"]
        assert rows == len(written) == len(reviews_of(store, item)) >= len(told)
    assert len(set(told)) == 2 * (1 + 7 + 19)
    assert set(told) <= {review.id for review in reviews_of(store, item)}
    assert verify_audit(store).broken is None
