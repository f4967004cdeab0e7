"""Pages of a worklist."""

import time

import pytest

from nero_core.store import (
    Filter,
    Review,
    Store,
    add_review,
    add_worklist,
    claim_items,
    find_items,
    place_of,
    save_results,
)
from tests.nero_core.store.conftest import OpenStore
from tests.nero_core.store.material import BUNDLE, digest, failed, items, scored

P_VALUES = (0.5, 0.02, 0.9, 0.02, 0.07)
CLASSES = ("polyps", "cecum", "polyps", "pylorus", "cecum")


@pytest.fixture
def mixed(opened: OpenStore, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, int, list[int]]:
    """Seven items with names: five scored, one failed, one waiting."""
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    store = opened()
    number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(7)).id
    claim = claim_items(store, number, 6)
    ids = [item.id for item in claim.items]
    results = {
        item: scored(p, "unlike" if p <= 0.05 else "borderline" if p <= 0.1 else "like", name)
        for item, p, name in zip(ids, P_VALUES, CLASSES, strict=False)
    }
    save_results(store, claim.token, {**results, ids[5]: failed()})
    add_review(store, Review(ids[1], "ann", "agree"))
    add_review(store, Review(ids[1], "bob", "override", "second", "like", "cecum", "Bile."))
    add_review(store, Review(ids[1], "bob", "comment", comment="See the report."))
    add_review(store, Review(ids[2], "ann", "second_look"))
    return store, number, ids


def places(store: Store, worklist: int, **how: object) -> list[int]:
    return [item.position for item in find_items(store, worklist, **how).items]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sort", "ascending", "descending"),
    [
        ("position", [0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0]),
        ("p_value", [1, 3, 4, 0, 2, 5, 6], [2, 0, 4, 1, 3, 5, 6]),
        ("score", [2, 0, 4, 1, 3, 5, 6], [1, 3, 4, 0, 2, 5, 6]),
        ("verdict", [4, 0, 2, 1, 3, 5, 6], [1, 3, 0, 2, 4, 5, 6]),
        ("name", [0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0]),
        ("review", [1, 2, 0, 3, 4, 5, 6], [2, 1, 0, 3, 4, 5, 6]),
        ("state", [5, 0, 1, 2, 3, 4, 6], [6, 0, 1, 2, 3, 4, 5]),
    ],
)
def test_items_are_sorted_and_what_has_no_value_comes_last(
    mixed: tuple[Store, int, list[int]], sort: str, ascending: list[int], descending: list[int]
):
    store, number, _ = mixed
    assert places(store, number, sort=sort) == ascending
    assert places(store, number, sort=sort, descending=True) == descending


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5, 6]),
        (Filter(states=("waiting", "failed")), [5, 6]),
        (Filter(verdicts=("unlike",)), [1, 3]),
        (Filter(verdicts=("unlike", "borderline"), predicted=("cecum",)), [1, 4]),
        (Filter(p_at_most=0.07), [1, 3, 4]),
        (Filter(decisions=("override",)), [1]),
        (Filter(decisions=("agree",)), []),
        (Filter(decisions=("none",)), [0, 3, 4, 5, 6]),
        (Filter(decisions=("none", "second_look"), states=("scored",)), [0, 2, 3, 4]),
        (Filter(text="FRAME 3"), [3]),
        (Filter(text=digest(4)[:9].upper()), [4]),
        (Filter(text="%"), []),
    ],
)
def test_items_are_filtered(mixed: tuple[Store, int, list[int]], where: Filter, expected: list[int]):
    store, number, _ = mixed
    assert places(store, number, where=where) == expected
    assert find_items(store, number, where=where, limit=1).total == len(expected)


def test_pages_follow_one_another_without_gap_or_repeat(mixed: tuple[Store, int, list[int]]):
    store, number, _ = mixed
    pages = [places(store, number, sort="verdict", offset=offset, limit=3) for offset in range(0, 8, 3)]
    assert pages == [[4, 0, 2], [1, 3, 5], [6]]


def test_the_place_of_an_item_is_the_one_that_pages_give_it(mixed: tuple[Store, int, list[int]]):
    store, number, _ = mixed
    for sort in ("position", "name", "p_value", "review", "verdict"):
        for descending in (False, True):
            for where in (Filter(), Filter(verdicts=("unlike", "like"))):
                listed = find_items(store, number, sort, descending, where).items
                for place, item in enumerate(listed):
                    assert place_of(store, number, item.position, sort, descending, where) == place
    assert place_of(store, number, 77) is None


def test_an_item_tells_the_last_review_that_decides(mixed: tuple[Store, int, list[int]]):
    store, number, ids = mixed
    found = {item.id: item.review for item in find_items(store, number).items}
    last = found[ids[1]]
    assert last is not None
    assert (last.reader, last.decision, last.reading, last.verdict) == ("bob", "override", "second", "like")
    assert (last.label, last.comment) == ("cecum", "Bile.")
    assert found[ids[0]] is None


def test_a_page_of_five_thousand_is_quick(store: Store):
    number = add_worklist(store, "Long", "ann", BUNDLE, "verdict", items(5000)).id
    claim = claim_items(store, number, 5000)
    save_results(store, claim.token, {item.id: scored((item.position + 1) / 5001) for item in claim.items})
    find_items(store, number, "p_value")
    begin = time.monotonic()
    page = find_items(store, number, "p_value", True, Filter(verdicts=("like",)), offset=4000, limit=50)
    assert [item.position for item in page.items[:2]] == [999, 998] and page.total == 5000
    assert time.monotonic() - begin < 2, "first paint is to be within two seconds"


def test_items_that_are_named_are_left_out(mixed: tuple[Store, int, list[int]]):
    store, number, ids = mixed
    assert places(store, number, where=Filter(besides=(ids[0], ids[3]))) == [1, 2, 4, 5, 6]
