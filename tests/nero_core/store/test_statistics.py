"""Benjamini–Hochberg over a worklist, and all that a bundle has scored."""

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
    save_results,
    scored_images,
)
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


def test_all_that_a_bundle_has_scored_comes_with_the_review_that_stands(store: Store, worklist: int):
    ids = score_all(store, worklist)
    other = add_worklist(store, "Other", "bob", OTHER, "verdict", items(1)).id
    claim = claim_items(store, other, 1)
    save_results(store, claim.token, {claim.items[0].id: scored(bundle=OTHER)})
    add_review(store, Review(ids[1], "ann", "agree"))
    add_review(store, Review(ids[1], "bob", "override", "second", "unlike"))
    found = scored_images(store, BUNDLE)
    assert [image.item for image in found] == ids and {image.worklist for image in found} == {worklist}
    assert [image.decision for image in found[:3]] == [None, "override", None]
    assert found[0].digest == items(1)[0].digest and found[0].predicted == "polyps"
    assert bundles_in_use(store) == (BUNDLE, OTHER)
