"""Counts for who watches a server, on both databases."""

import pytest

from nero_core.store import Store, add_job, add_worklist, claim_items, claim_job, save_results, tallies
from tests.nero_core.store.conftest import Clock
from tests.nero_core.store.material import BUNDLE, OTHER, failed, items, score_all, scored

EDGES = (0.1, 0.5, 1.0)


def test_an_empty_store_has_nothing_to_count(store: Store):
    counts = tallies(store, "here", EDGES)
    assert not (counts.jobs or counts.job_waits or counts.items or counts.results or counts.p_values)
    assert counts.item_waits == 0


def test_jobs_are_counted_by_kind_and_state_of_one_place_and_the_oldest_says_how_long_it_waits(
    store: Store, clock: Clock
):
    for place in ("here", "here", "here", "there"):
        add_job(store, "calibrate", "ann", place=place)
        clock.move(seconds=10)
    add_job(store, "worklist", "ann", place="here")
    assert claim_job(store, place="here") is not None
    counts = tallies(store, "here", EDGES)
    assert counts.jobs == {("calibrate", "running"): 1, ("calibrate", "waiting"): 2, ("worklist", "waiting"): 1}
    assert counts.job_waits == {"calibrate": 30.0, "worklist": 0.0}


def test_images_and_results_are_counted_and_recent_p_values_by_edge(store: Store, worklist: int, clock: Clock):
    score_all(store, worklist, [0.1, *[0.3] * 4, *[0.9] * 5])
    clock.move(days=8)
    later = add_worklist(store, "Later", "bob", OTHER, "verdict", items(4)).id
    claim_items(store, later, 3)
    counts = tallies(store, "here", EDGES)
    assert counts.items == {"scored": 10, "claimed": 3, "waiting": 1}
    assert counts.results == {(BUNDLE, "like"): 9, (BUNDLE, "borderline"): 1}
    assert counts.p_values == {}  # of the last seven days there are none
    assert tallies(store, "here", EDGES, days=9.0).p_values == {BUNDLE: (1, 5, 10)}
    clock.move(seconds=30)
    assert tallies(store, "here", EDGES).item_waits == pytest.approx(30)


def test_a_result_without_a_verdict_counts_as_failed(store: Store, worklist: int):
    claim = claim_items(store, worklist, 2)
    first, second = claim.items
    save_results(store, claim.token, {first.id: failed(), second.id: scored(0.02, "unlike")})
    counts = tallies(store, "here", EDGES)
    assert counts.results == {(BUNDLE, "failed"): 1, (BUNDLE, "unlike"): 1}
    assert counts.items == {"waiting": 8, "failed": 1, "scored": 1}
    assert counts.p_values == {BUNDLE: (1, 1, 1)}
