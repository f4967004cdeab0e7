"""Claims and results: nothing is scored twice, and nothing is lost."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from nero_core.errors import StoreError
from nero_core.store import (
    Result,
    Store,
    add_worklist,
    audit_lines,
    claim_items,
    delete_uploads,
    find_items,
    open_store,
    release_claim,
    renew_claim,
    save_results,
    worklist,
)
from nero_core.store.scoring import MOST_ATTEMPTS
from tests.nero_core.store.conftest import Clock, OpenStore
from tests.nero_core.store.material import BUNDLE, MODEL, child, failed, items, scored
from tests.postgresql import PostgreSQL
from tests.warm_process import WarmProcesses

SCORES = """
import sys
from nero_core.store import claim_items, open_store, save_results
from tests.nero_core.store.material import scored
from tests.warm_process import WarmProcesses
with open_store(sys.argv[1]) as store:
    while (claim := claim_items(store, int(sys.argv[2]), 3)).items:
        print("claimed")
        for item in claim.items:
            save_results(store, claim.token, {item.id: scored()})
            print(item.id)
"""


def results(store: Store) -> list[str]:
    return [line.details for line in audit_lines(store) if line.action == "result"]


def test_items_are_claimed_once_in_their_order(store: Store, opened: OpenStore, worklist: int):
    first, second = claim_items(store, worklist, 4), claim_items(opened(), worklist, 100)
    assert [item.position for item in first.items] == [0, 1, 2, 3]
    assert [item.position for item in second.items] == [4, 5, 6, 7, 8, 9]
    assert first.token != second.token
    assert claim_items(store, worklist).items == ()


def test_results_come_back_as_they_were_saved(store: Store, worklist: int, clock: Clock):
    claim = claim_items(store, worklist, 2)
    good, bad = claim.items
    result = Result(
        BUNDLE, MODEL, "1.0", "verdict", "polyps", 0.1 + 0.2, 1e-300, 1e300, 1 / 3, "unlike", {"p": [1, None, "ł"]}
    )
    assert save_results(store, claim.token, {good.id: result, bad.id: failed("Found ł.")}) == (good.id, bad.id)
    found = {item.id: item for item in find_items(store, worklist).items}
    assert (found[good.id].state, found[bad.id].state) == ("scored", "failed")
    saved = found[good.id].result
    assert saved is not None and saved.at == clock.moment
    names = [name for name in Result.__dataclass_fields__ if name != "at"]
    assert [getattr(saved, name) for name in names] == [getattr(result, name) for name in names]
    assert found[bad.id].result is not None and found[bad.id].result.error == "Found ł."
    assert not any("ł" in line for line in results(store))  # what others wrote is not in the log


def test_progress_is_counted(store: Store, worklist: int):
    from nero_core.store import worklist as find

    claim = claim_items(store, worklist, 4)
    save_results(store, claim.token, {claim.items[0].id: scored(), claim.items[1].id: failed()})
    found = find(store, worklist)
    assert (found.total, found.done) == (10, 2)
    assert found.counts == {"waiting": 6, "claimed": 2, "scored": 1, "failed": 1}


def test_a_claim_without_a_sign_of_life_goes_to_another_and_the_late_one_is_refused(
    store: Store, worklist: int, clock: Clock
):
    late = claim_items(store, worklist, 10, seconds=60.0)
    clock.move(seconds=59)
    assert claim_items(store, worklist).items == ()
    clock.move(seconds=2)
    other = claim_items(store, worklist, 10)
    assert [item.id for item in other.items] == [item.id for item in late.items]
    number = other.items[0].id
    assert save_results(store, late.token, {number: scored(0.1)}) == ()
    assert save_results(store, other.token, {number: scored(0.2)}) == (number,)
    assert save_results(store, other.token, {number: scored(0.3)}) == ()
    found = find_items(store, worklist).items[0].result
    assert found is not None and found.p_value == 0.2
    assert len(results(store)) == 1


def test_a_late_claim_that_nobody_took_is_still_good(store: Store, worklist: int, clock: Clock):
    claim = claim_items(store, worklist, 1, seconds=60.0)
    clock.move(hours=1)
    assert save_results(store, claim.token, {claim.items[0].id: scored()}) == (claim.items[0].id,)


def test_a_renewed_claim_lasts(store: Store, worklist: int, clock: Clock):
    claim = claim_items(store, worklist, 10, seconds=60.0)
    for _ in range(3):
        clock.move(seconds=50)
        assert renew_claim(store, claim.token, seconds=60.0) == 10
        assert claim_items(store, worklist).items == ()
    clock.move(seconds=61)
    assert len(claim_items(store, worklist).items) == 10
    assert renew_claim(store, claim.token) == 0


@pytest.mark.parametrize("hours", [-1, -24 * 365])
def test_a_clock_set_back_does_not_keep_items_from_being_scored(store: Store, worklist: int, clock: Clock, hours: int):
    claim_items(store, worklist, 10, seconds=60.0)
    clock.move(hours=hours)
    assert len(claim_items(store, worklist).items) == 10


def test_clocks_that_differ_a_little_take_nothing_from_one_another(store: Store, worklist: int, clock: Clock):
    claim_items(store, worklist, 10, seconds=60.0)
    clock.move(seconds=-5)
    assert claim_items(store, worklist).items == ()


def test_what_is_given_back_waits_again_and_counts_as_no_attempt(store: Store, worklist: int):
    for _ in range(2 * MOST_ATTEMPTS):
        claim = claim_items(store, worklist, 10)
        assert release_claim(store, claim.token) == 10
    claim = claim_items(store, worklist, 10)
    save_results(store, claim.token, {claim.items[0].id: scored()})
    assert release_claim(store, claim.token) == 9


def test_an_item_that_ends_its_scorer_each_time_is_failed_and_the_others_are_scored(
    store: Store, worklist: int, clock: Clock
):
    for _ in range(MOST_ATTEMPTS):
        assert claim_items(store, worklist, 1).items[0].position == 0
        clock.move(hours=1)
    assert [item.position for item in claim_items(store, worklist, 1).items] == [1]
    first = find_items(store, worklist).items[0]
    assert first.state == "failed" and first.result is not None
    assert "ended 3 times without a word" in first.result.error


def test_two_scorers_at_once_score_each_item_once(database: str, store: Store):
    number = add_worklist(store, "Long", "ann", BUNDLE, "verdict", items(200)).id
    saved: list[int] = []

    def work() -> None:
        with open_store(database) as mine:
            while (claim := claim_items(mine, number, 7)).items:
                saved.extend(save_results(mine, claim.token, {item.id: scored() for item in claim.items}))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) == len(set(saved)) == 200
    assert worklist_counts(store, number) == {"scored": 200}
    assert len(results(store)) == 200


def worklist_counts(store: Store, number: int) -> dict[str, int]:
    return dict(worklist(store, number).counts)


def test_what_a_killed_scorer_has_saved_stays_and_the_rest_is_scored_by_another(
    warm: WarmProcesses, database: str, store: Store, clock: Clock
):
    number = add_worklist(store, "Long", "ann", BUNDLE, "verdict", items(30)).id
    told: list[str] = []
    for lines in (1, 3, 6):  # killed after a claim, within one, between two
        with child(warm, SCORES, database, number) as process:
            told += [process.stdout.readline().strip() for _ in range(lines)]
        clock.moment = clock.moment.replace(year=clock.moment.year + 10)  # leases of those killed have ended
    assert "" not in told
    saved = {int(line) for line in told if line != "claimed"}
    before = {item.id for item in find_items(store, number, limit=100).items if item.state == "scored"}
    assert saved <= before  # it may have saved one more than it could say
    claim = claim_items(store, number, 100)
    assert {item.id for item in claim.items}.isdisjoint(before) and len(claim.items) + len(before) == 30
    save_results(store, claim.token, {item.id: scored() for item in claim.items})
    assert worklist_counts(store, number) == {"scored": 30}
    assert len(results(store)) == 30


def test_a_result_is_a_score_or_an_error():
    whole = {
        "predicted": "polyps",
        "confidence": 0.9,
        "score": 1.0,
        "threshold": 2.0,
        "p_value": 0.5,
        "verdict": "like",
    }
    first = (BUNDLE, MODEL, "1.0", "verdict")
    assert Result(*first, **whole).p_value == 0.5
    for name, value in (("score", None), ("score", float("nan")), ("threshold", float("inf")), ("p_value", None)):
        with pytest.raises(StoreError, match=f"Expected a finite {name}"):
            Result(*first, **{**whole, name: value})
    for name, value in (("p_value", 0.0), ("p_value", 1.1), ("verdict", None)):
        with pytest.raises(StoreError, match="Expected a p-value above 0"):
            Result(*first, **{**whole, name: value})
    with pytest.raises(StoreError, match="Found both"):
        Result(*first, **whole, error="Found none.")


def test_what_was_deleted_while_it_was_scored_is_not_saved(store: Store, worklist: int):
    claim = claim_items(store, worklist, 3)
    delete_uploads(store, "ann")
    assert save_results(store, claim.token, {item.id: scored() for item in claim.items}) == ()
    assert renew_claim(store, claim.token) == 0 and claim_items(store, worklist).items == ()
    assert results(store) == []


def test_a_connection_that_was_cut_is_told_and_the_next_step_has_a_new_one(postgresql: PostgreSQL, tmp_path: Path):
    address = postgresql.new_database()
    with open_store(address) as store:
        number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(3)).id
        claim = claim_items(store, number)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with pytest.raises(StoreError, match="Expected a database that answers"), store.writing() as connection:
            connection.execute(text("DELETE FROM items"))
            connection.execute(text(cut))
        idle = cut.replace("current_database()", f"'{address.rsplit('/', 1)[1]}'")
        assert postgresql.run(idle) == []  # the one that was cut is gone
        claim_items(store, number)
        assert len(postgresql.run(idle)) == 1  # while it lies in the pool
        assert len(save_results(store, claim.token, {item.id: scored() for item in claim.items})) == 3
    postgresql.drop(address)
