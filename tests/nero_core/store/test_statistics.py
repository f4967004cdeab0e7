"""Benjamini–Hochberg over a worklist, and the weeks of a bundle."""

from datetime import date, timedelta

import numpy as np
import pytest

from nero_core.errors import StoreError
from nero_core.store import (
    Filter,
    Review,
    Store,
    add_review,
    add_worklist,
    bundles_in_use,
    claim_items,
    discoveries,
    find_items,
    p_values,
    save_results,
    weeks,
)
from tests.nero_core.store.conftest import Clock
from tests.nero_core.store.material import BUNDLE, OTHER, failed, items, score_all, scored


def slow_benjamini_hochberg(values: list[float], rate: float) -> set[int]:
    """The paper's procedure: reject the k smallest, k the largest with p_(k) ≤ k·rate/m."""
    order = sorted(range(len(values)), key=values.__getitem__)
    largest = max((k for k, place in enumerate(order, 1) if values[place] <= k * rate / len(values)), default=0)
    return set(order[:largest])


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3, 0.9])
def test_discoveries_are_those_of_the_papers_procedure(store: Store, rate: float):
    values = [*np.random.default_rng(3).uniform(0.001, 1, 60).tolist(), *[0.0005] * 4, 0.001, 0.0021, 0.004]
    number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(len(values) + 2)).id
    ids = score_all_but_two(store, number, values)
    found = discoveries(store, number, rate)
    expected = {ids[place] for place in slow_benjamini_hochberg(values, rate)}
    assert expected and set(found.items) == expected
    assert {item for item, least in found.adjusted.items() if least <= rate} == expected
    assert len(found.adjusted) == len(values)
    page = find_items(store, number, where=Filter(p_at_most=found.p_at_most), limit=100)
    assert {item.id for item in page.items} == expected


def score_all_but_two(store: Store, number: int, values: list[float]) -> list[int]:
    """One more is failed, one waits: neither has a p-value."""
    claim = claim_items(store, number, len(values) + 1)
    *good, bad = (item.id for item in claim.items)
    results = {item: scored(p) for item, p in zip(good, values, strict=True)}
    save_results(store, claim.token, {**results, bad: failed()})
    return good


def test_a_worklist_without_results_has_no_discoveries(store: Store, worklist: int):
    found = discoveries(store, worklist)
    assert (found.items, found.adjusted, found.p_at_most) == ((), {}, 0.0)
    for rate in (0.0, 1.0, float("nan")):
        with pytest.raises(StoreError, match="rate between 0 and 1"):
            discoveries(store, worklist, rate)


def test_weeks_show_when_the_world_moved_and_how_often_readers_overrode(store: Store, clock: Clock):
    rng = np.random.default_rng(0)
    monday = clock.moment.date()
    for week, highest in enumerate((1.0, 1.0, 0.1)):
        number = add_worklist(store, f"Week {week}", "ann", BUNDLE, "verdict", items(40)).id
        clock.move(days=6, hours=14)  # Sunday, 23:00
        ids = score_all(store, number, rng.uniform(0.0001, highest, 40).tolist())
        for item in ids[: 4 * week]:
            add_review(store, Review(item, "ann", "agree"))
        for item in ids[:week]:
            add_review(store, Review(item, "ann", "override", verdict="unlike"))
            add_review(store, Review(item, "ann", "comment", comment="Once more."))
        if ids[5:] and week:
            add_review(store, Review(ids[3], "ann", "second_look"))  # no longer decided
        clock.move(hours=10)
    found = weeks(store, BUNDLE)
    assert [week.monday for week in found] == [monday + timedelta(weeks=number) for number in range(3)]
    assert [week.scored for week in found] == [40, 40, 40]
    assert [(week.reviewed, week.overridden) for week in found] == [(0, 0), (3, 1), (7, 2)]
    assert found[0].override_rate is None and found[1].override_rate == 1 / 3
    tests = [week.ks_p_value for week in found]
    assert all(test is not None for test in tests)
    assert tests[0] > 0.01 and tests[1] > 0.01 and tests[2] < 1e-10  # type: ignore[operator]
    assert found[2].median_p < 0.1 and found[2].ks_statistic is not None and found[2].ks_statistic > 0.85
    assert weeks(store, OTHER) == ()
    since = clock.moment - timedelta(days=7)
    assert [week.monday for week in weeks(store, BUNDLE, since)] == [date(2026, 3, 16)]
    assert len(p_values(store, BUNDLE, since)) == 40 and len(p_values(store, BUNDLE)) == 120
    assert bundles_in_use(store) == (BUNDLE,)


def test_a_week_of_few_images_is_not_tested(store: Store, worklist: int):
    claim = claim_items(store, worklist, 4)
    save_results(store, claim.token, {item.id: scored(0.01) for item in claim.items})
    (week,) = weeks(store, BUNDLE)
    assert (week.scored, week.ks_statistic, week.ks_p_value) == (4, None, None)
