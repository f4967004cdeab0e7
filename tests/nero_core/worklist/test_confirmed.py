"""Which images readers confirmed, and whether they were chosen by their score."""

from dataclasses import replace

import pytest

from nero_core.errors import CalibrationError, StoreError
from nero_core.store import Review, Store, add_review, add_worklist, claim_items, find_item, save_results
from nero_core.worklist import Confirmed, check_confirmed, confirmed_images
from tests.nero_core.store.material import BUNDLE, OTHER, digest, failed, items, scored

CLASSES = ("polyps", "cecum")


def make(store: Store, p_values: list[float], name: str = "Monday", first: int = 0) -> list[int]:
    """Numbers of scored items; one more has no score."""
    number = add_worklist(store, name, "ann", BUNDLE, "verdict", items(len(p_values) + 1, first)).id
    claim = claim_items(store, number, 1000)
    *good, bad = (item.id for item in claim.items)
    results = {
        item: scored(p, "unlike" if p <= 0.05 else "borderline" if p <= 0.1 else "like")
        for item, p in zip(good, p_values, strict=True)
    }
    save_results(store, claim.token, {**results, bad: failed()})
    return good


def say(store: Store, number: int, reader: str, decision: str, verdict: str | None = None, label: str = "") -> None:
    item = find_item(store, number)
    assert item is not None
    add_review(store, Review(number, reader, decision, item.reading(reader), verdict, label))  # type: ignore[arg-type]


def test_what_a_reader_called_like_counts_and_all_else_has_its_reason(store: Store):
    ids = make(store, [0.5, 0.01, 0.02, 0.07, 0.5, 0.5, 0.5, 0.5, 0.6])
    say(store, ids[0], "ann", "agree")
    say(store, ids[1], "ann", "override", "like", "cecum")  # a false alarm
    say(store, ids[2], "ann", "agree")  # unlike indeed
    say(store, ids[3], "ann", "agree")  # borderline says neither
    say(store, ids[4], "ann", "second_look")
    say(store, ids[5], "ann", "agree")
    say(store, ids[5], "bob", "override", "unlike")
    say(store, ids[6], "ann", "agree")
    say(store, ids[7], "bob", "override", "like", "no class of the bundle")
    worklist = find_item(store, ids[0]).worklist  # type: ignore[union-attr]
    gone, own = digest(6), [digest(7)]
    found = confirmed_images(store, BUNDLE, [worklist], CLASSES, own, lambda name: name != gone)
    assert found.images == ((digest(0), "polyps"), (digest(1), "cecum"))
    assert (found.unlike, found.readers, found.selection_p) == (1, ("ann",), 1.0)
    assert found.left_out == {
        "called borderline, neither like nor unlike": 1,
        "wait for a second look": 1,
        "their two readers disagree": 1,
        "their picture is no longer here": 1,
        "images of the reference set itself": 1,
        "not reviewed": 1,
    }
    assert found.reviewed == {"unlike": (2, 2), "borderline": (0, 1), "like": (1, 5)}
    with pytest.raises(StoreError, match="scored with the bundle of digest dddd"):
        confirmed_images(store, OTHER, [worklist], CLASSES)


def test_near_duplicates_and_files_of_two_lists_count_once_and_the_decided_one_counts(store: Store):
    first = make(store, [0.5, 0.6])
    number = add_worklist(store, "Tuesday", "bob", BUNDLE, "verdict", items(3)).id  # the first two are Monday's
    claim = claim_items(store, number, 3)
    hashes = (None, "0" * 16, "0" * 15 + "1")
    results = {item.id: replace(scored(), perceptual_hash=text) for item, text in zip(claim.items, hashes, strict=True)}
    save_results(store, claim.token, results)
    say(store, first[0], "ann", "agree")
    say(store, claim.items[2].id, "bob", "agree")  # nearly the same as one that nobody has decided
    lists = [find_item(store, first[0]).worklist, number]  # type: ignore[union-attr]
    found = confirmed_images(store, BUNDLE, lists, CLASSES)
    assert [name for name, _ in found.images] == [digest(0), digest(2)]
    assert found.left_out == {"nearly the same as another": 2, "not reviewed": 1}


def test_reviews_of_the_most_unlike_alone_are_told_from_those_of_every_score(store: Store):
    p_values = [(place + 1) / 41 for place in range(40)]
    lowest, spread = make(store, p_values), make(store, p_values, "Tuesday", 100)
    for number in (*lowest[:12], *spread[::3]):
        say(store, number, "ann", "override", "like")
    lists = [find_item(store, ids[0]).worklist for ids in (lowest, spread)]  # type: ignore[union-attr]
    chosen, random = (confirmed_images(store, BUNDLE, [number], CLASSES) for number in lists)
    assert chosen.is_selected and chosen.selection_p < 1e-6 and not random.is_selected
    assert chosen.reviewed["unlike"] == (2, 2) and chosen.reviewed["like"] == (8, 36)
    with pytest.raises(CalibrationError, match=r"Found 2 of 2 unlike, 2 of 2 borderline, 8 of 36 like"):
        check_confirmed(chosen, allow_selection=False)
    check_confirmed(chosen, allow_selection=True)
    check_confirmed(random, allow_selection=False)


def test_where_nothing_is_confirmed_it_is_said_what_to_do():
    with pytest.raises(CalibrationError, match=r"Found none\. Review the worklist first"):
        check_confirmed(Confirmed((), 3, {}, {}, 1.0, ("ann",)), allow_selection=True)
