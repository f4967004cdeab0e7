"""Worklists, and what is kept of what was uploaded."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from nero_core.errors import StoreError
from nero_core.store import (
    NewItem,
    Store,
    add_items,
    add_worklist,
    audit_lines,
    find_item,
    find_items,
    find_worklists,
    worklist,
)
from tests.nero_core.store.conftest import Clock, OpenStore
from tests.nero_core.store.material import BUNDLE, digest, items


def test_a_worklist_holds_its_items_in_their_order(store: Store, clock: Clock):
    made = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(1200), {"tpr": 0.95})
    assert (made.name, made.owner, made.bundle, made.method) == ("Monday", "ann", BUNDLE, "verdict")
    assert (made.settings, made.added, made.counts) == ({"tpr": 0.95}, clock.moment, {"waiting": 1200})
    assert (made.total, made.done) == (1200, 0)
    page = find_items(store, made.id, limit=2000)
    assert page.total == 1200
    assert [item.digest for item in page.items] == [item.digest for item in items(1200)]
    assert [item.position for item in page.items] == list(range(1200))
    assert {item.state for item in page.items} == {"waiting"}


def test_names_of_files_are_forgotten_unless_the_operator_keeps_them(
    store: Store, opened: OpenStore, monkeypatch: pytest.MonkeyPatch
):
    number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(2)).id
    assert [item.name for item in find_items(store, number).items] == ["", ""]
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    keeping = opened()
    number = add_worklist(keeping, "Tuesday", "ann", BUNDLE, "verdict", items(2)).id
    assert [item.name for item in find_items(keeping, number).items] == ["frame 0.png", "frame 1.png"]
    assert not any("frame" in line.details for line in audit_lines(keeping))


def test_a_setting_that_is_neither_yes_nor_no_is_refused(opened: OpenStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NERO_KEEP_NAMES", "perhaps")
    with pytest.raises(StoreError, match=r"NERO_KEEP_NAMES to be 1 or 0\. Found 'perhaps'"):
        opened()


def test_one_file_may_come_twice_and_hold_many_frames(store: Store):
    twice = [NewItem(digest(1)), NewItem(digest(1)), NewItem(digest(2), frame=0), NewItem(digest(2), frame=1)]
    page = find_items(store, add_worklist(store, "Video", "ann", BUNDLE, "verdict", twice).id)
    assert [(item.digest, item.frame) for item in page.items] == [(item.digest, item.frame) for item in twice]


def test_items_that_come_later_go_to_the_end(store: Store):
    made = add_worklist(store, "Video", "ann", BUNDLE, "verdict")
    assert made.total == 0
    for first in (0, 3, 6):
        add_items(store, made.id, items(3, first))
    page = find_items(store, made.id)
    assert [item.digest for item in page.items] == [digest(number) for number in range(9)]
    with pytest.raises(StoreError, match=r"worklist of number 999\. Found none"):
        add_items(store, 999, items(1))


def test_a_second_worklist_of_a_name_is_refused_and_leaves_nothing(store: Store):
    add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(2))
    with pytest.raises(StoreError, match="Found one of the name 'Monday'"):
        add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(5))
    add_worklist(store, "Monday", "bob", BUNDLE, "verdict", items(3))
    assert [(found.owner, found.total) for found in find_worklists(store)] == [("bob", 3), ("ann", 2)]


def test_an_owner_finds_no_worklist_of_another(store: Store):
    hers = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(2))
    his = add_worklist(store, "Tuesday", "bob", BUNDLE, "verdict", items(2))
    assert [found.id for found in find_worklists(store, "ann")] == [hers.id]
    assert [found.id for found in find_worklists(store, "bob", "Tuesday")] == [his.id]
    assert worklist(store, hers.id, "ann") == hers
    with pytest.raises(StoreError, match="Found none") as another:
        worklist(store, hers.id, "bob")
    with pytest.raises(StoreError, match="Found none") as missing:
        worklist(store, 999, "bob")
    assert str(another.value).replace(str(hers.id), "N") == str(missing.value).replace("999", "N")
    item = find_items(store, hers.id).items[0]
    assert find_item(store, item.id, hers.id) == item
    assert find_item(store, item.id, his.id) is None


def test_what_is_no_worklist_is_refused(store: Store):
    for name, owner, bundle in (("", "ann", BUNDLE), ("n" * 201, "ann", BUNDLE), ("Monday", "", BUNDLE)):
        with pytest.raises(StoreError, match="Expected an owner, and a worklist's name"):
            add_worklist(store, name, owner, bundle, "verdict")
    with pytest.raises(StoreError, match="Expected the bundle as a SHA-256"):
        add_worklist(store, "Monday", "ann", "B" * 64, "verdict")
    with pytest.raises(StoreError, match="Expected an image's digest as a SHA-256"):
        NewItem("../../etc/passwd")
    assert find_worklists(store) == ()


def test_any_text_is_a_name(store: Store):
    name = "Łąka ' \" ; DROP TABLE items; -- \u202e 🩺"
    assert add_worklist(store, name, "ann", BUNDLE, "verdict", items(1)).name == name
    assert len(find_worklists(store, name=name)) == 1


def test_an_error_of_the_database_tells_no_values(store: Store):
    """A log file is no place for names."""
    with pytest.raises(DBAPIError) as told, store.writing() as connection:
        connection.execute(text("INSERT INTO images (id, owner) VALUES (1, :owner)"), {"owner": "Mrs Kowalska"})
    assert "images" in str(told.value) and "[SQL parameters hidden" in str(told.value)
