"""What a bundle has done, week by week and class by class."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import ks_2samp

from nero_core.store import Review, Store, add_review, add_worklist, bundles_in_use, claim_items, save_results
from nero_core.worklist import quality
from nero_core.worklist.over_time import ks_test
from tests.nero_core.store.conftest import Clock
from tests.nero_core.store.material import BUNDLE, OTHER, items, score_all, scored


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
    found = quality(store, BUNDLE).weeks
    assert [week.monday for week in found] == [monday + timedelta(weeks=number) for number in range(3)]
    assert [week.scored for week in found] == [40, 40, 40]
    assert [(week.reviewed, week.overridden) for week in found] == [(0, 0), (3, 1), (7, 2)]
    assert found[0].override_rate is None and found[1].override_rate == 1 / 3
    tests = [week.ks_p_value for week in found]
    assert all(test is not None for test in tests)
    assert tests[0] > 0.01 and tests[1] > 0.01 and tests[2] < 1e-10  # type: ignore[operator]
    assert found[2].median_p < 0.1 and found[2].ks_statistic is not None and found[2].ks_statistic > 0.85
    assert quality(store, OTHER).weeks == ()
    since = clock.moment - timedelta(days=7)
    assert [week.monday for week in quality(store, BUNDLE, since=since).weeks] == [date(2026, 3, 16)]
    assert quality(store, BUNDLE, since=since).scored == 40 and quality(store, BUNDLE).scored == 120
    assert bundles_in_use(store) == (BUNDLE,)


def test_a_week_of_few_images_is_not_tested(store: Store, worklist: int):
    claim = claim_items(store, worklist, 4)
    save_results(store, claim.token, {item.id: scored(0.01) for item in claim.items})
    (week,) = quality(store, BUNDLE).weeks
    assert (week.scored, week.ks_statistic, week.ks_p_value) == (4, None, None)


def test_the_statistic_against_uniform_is_that_of_a_slow_distribution_function():
    values = [0.02, 0.11, 0.35, 0.35, 0.8]
    slow = max(max((k + 1) / 5 - value, value - k / 5) for k, value in enumerate(sorted(values)))
    assert ks_test(values, None)[0] == pytest.approx(slow) == pytest.approx(0.45)


def test_the_test_of_p_values_is_that_of_the_scores_they_came_from():
    """So calibration images that happen to lie high or low are not taken for a world that moved, as they are by the
    test against the uniform distribution."""
    rng, calibration, rejected = np.random.default_rng(0), 52, {True: 0, False: 0}
    for _ in range(100):
        known, new = rng.normal(size=calibration), rng.normal(size=200)
        p = ((1 + (known[None] >= new[:, None]).sum(axis=1)) / (calibration + 1)).tolist()
        of_scores = ks_2samp(new, known)
        assert ks_test(p, calibration) == pytest.approx((of_scores.statistic, of_scores.pvalue))
        for is_known in rejected:
            rejected[is_known] += ks_test(p, calibration if is_known else None)[1] <= 0.05
    assert rejected[True] <= 10 and rejected[False] >= 60


def test_weeks_are_adjusted_for_one_another_and_only_those_that_were_tested_count(store: Store, clock: Clock):
    rng = np.random.default_rng(1)
    for week, (count, highest) in enumerate(((60, 1.0), (3, 1.0), (60, 0.2), (60, 1.0))):
        number = add_worklist(store, f"Week {week}", "ann", BUNDLE, "verdict", items(count, 100 * week)).id
        score_all(store, number, rng.uniform(0.001, highest, count).tolist())
        clock.move(days=7)
    found = quality(store, BUNDLE, calibration=200).weeks
    assert [week.has_moved for week in found] == [False, False, True, False]
    assert found[1].adjusted_p is None and found[1].scored == found[1].different == 3
    tested = sorted((week for week in found if week.ks_p_value is not None), key=lambda week: week.ks_p_value or 0)
    slow = [min((w.ks_p_value or 0) * 3 / k for k, w in enumerate(tested, 1) if k > place) for place in range(3)]
    assert [week.adjusted_p for week in tested] == pytest.approx(slow)


def test_near_duplicates_and_equal_files_count_once_in_the_test_and_each_in_the_counts(store: Store):
    number = add_worklist(store, "Still", "ann", BUNDLE, "verdict", [*items(6), *items(2)]).id
    claim = claim_items(store, number, 8)
    hashes = ("0" * 16, "0" * 15 + "1", "f" * 16, None, None, None, "a" * 16, None)
    results = {
        item.id: replace(scored(0.1 * (place + 1)), perceptual_hash=hashed)
        for place, (item, hashed) in enumerate(zip(claim.items, hashes, strict=True))
    }
    save_results(store, claim.token, results)
    (week,) = quality(store, BUNDLE, 50).weeks
    assert (week.scored, week.different) == (8, 5)  # the second is near the first, the last two are the first two
    assert week.median_p == pytest.approx(0.4)  # of 0.1, 0.3, 0.4, 0.5, 0.6


def test_classes_tell_how_often_their_verdicts_were_overridden(store: Store):
    number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(7)).id
    claim = claim_items(store, number, 7)
    ids = [item.id for item in claim.items]
    results = {
        item: scored(0.01 if place < 3 else 0.5, "unlike" if place < 3 else "like", "polyps" if place < 5 else "cecum")
        for place, item in enumerate(ids)
    }
    save_results(store, claim.token, results)
    for place, decision in enumerate(("override", "agree", "second_look", "agree")):
        verdict = "like" if decision == "override" else None
        add_review(store, Review(ids[place], "ann", decision, verdict=verdict))  # type: ignore[arg-type]
    found = quality(store, BUNDLE, 50)
    whole = (found.scored, found.unlike, found.agreed, found.overridden, found.second_look)
    assert whole == (7, 3, 2, 1, 1) and found.override_rate == 1 / 3
    polyps, cecum = found.classes
    assert (polyps.predicted, polyps.scored, polyps.unlike, polyps.reviewed) == ("polyps", 5, 3, 3)
    assert (cecum.predicted, cecum.scored, cecum.reviewed, cecum.override_rate) == ("cecum", 2, 0, None)


def test_a_bundle_that_has_scored_nothing_is_empty(store: Store):
    found = quality(store, BUNDLE, 50)
    assert (found.scored, found.weeks, found.classes, found.override_rate) == (0, (), (), None)
