"""Uploads on the disk, what is deleted, and what stays."""

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import text

from nero_core.errors import StoreError
from nero_core.store import (
    NewItem,
    Review,
    Store,
    add_job,
    add_review,
    add_worklist,
    audit_lines,
    claim_job,
    delete_uploads,
    delete_worklist,
    end_job,
    find_jobs,
    find_worklists,
    prune,
    put_upload,
    reviews_of,
    sweep_uploads,
    upload_path,
    verify_audit,
)
from tests.nero_core.store.conftest import Clock
from tests.nero_core.store.material import BUNDLE, score_all


def count(store: Store) -> dict[str, int]:
    tables = ("images", "worklists", "items", "results", "reviews")
    with store.reading() as connection:
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


def fill(store: Store, owner: str, name: str, *contents: bytes) -> tuple[int, list[str]]:
    digests = [put_upload(store, content) for content in contents]
    number = add_worklist(store, name, owner, BUNDLE, "verdict", [NewItem(digest) for digest in digests]).id
    for item in score_all(store, number):
        add_review(store, Review(item, owner, "agree"))
    return number, digests


def make_old(store: Store, digest: str, days: float) -> None:
    path = upload_path(store, digest)
    assert path is not None
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


def test_an_upload_lies_on_the_disk_for_the_servers_user_alone(store: Store, home: Path):
    digest = put_upload(store, b"pixels")
    path = upload_path(store, digest)
    assert path is not None and path.read_bytes() == b"pixels" and home in path.parents
    assert path.stat().st_mode & 0o077 == 0
    assert put_upload(store, b"pixels") == digest
    assert upload_path(store, "0" * 64) is None
    with pytest.raises(StoreError, match="Expected an upload as a SHA-256"):
        upload_path(store, "../../../etc/passwd")


def test_what_somebody_uploaded_is_deleted_and_what_others_uploaded_stays(store: Store):
    hers, digests = fill(store, "ann", "Monday", b"1", b"2", b"3")
    his, same = fill(store, "bob", "Monday", b"3", b"4")
    ended, waiting = (add_job(store, "score", "ann") for _ in range(2))
    claim = claim_job(store, ended.token)
    assert claim is not None and end_job(store, claim.token, "finished")
    assert delete_uploads(store, "ann") == 3
    assert [found.id for found in find_worklists(store)] == [his] != [hers]
    assert count(store) == {"images": 2, "worklists": 1, "items": 2, "results": 2, "reviews": 2}
    assert [upload_path(store, digest) is not None for digest in (*digests, *same)] == [False, False, True, True, True]
    assert [job.token for job in find_jobs(store, "ann")] == [waiting.token]
    line = next(line for line in audit_lines(store) if line.action == "uploads deleted")
    assert (line.actor, json.loads(line.details)) == ("ann", {"worklist": hers, "images": digests})
    assert verify_audit(store).broken is None
    assert delete_uploads(store, "ann") == 0


def test_a_worklist_is_deleted_and_images_of_another_stay(store: Store):
    first, digests = fill(store, "ann", "Monday", b"1", b"2")
    fill(store, "ann", "Tuesday", b"2", b"3")
    with pytest.raises(StoreError, match="Found none"):
        delete_worklist(store, first, "bob", "bob")
    delete_worklist(store, first, "ann", "ann")
    assert count(store) == {"images": 2, "worklists": 1, "items": 2, "results": 2, "reviews": 2}
    assert [upload_path(store, digest) is None for digest in digests] == [True, False]
    with pytest.raises(StoreError, match="Found none"):
        delete_worklist(store, first, "ann")
    assert verify_audit(store).broken is None


def test_numbers_of_what_was_deleted_are_not_given_again(store: Store):
    first, _ = fill(store, "ann", "Monday", b"1")
    delete_worklist(store, first, "ann")
    second, _ = fill(store, "ann", "Monday", b"1")
    assert second > first


def test_pruning_deletes_what_is_older_and_nothing_else(store: Store, clock: Clock):
    fill(store, "ann", "Old", b"1", b"2")
    job = add_job(store, "score", "ann")
    claim = claim_job(store)
    assert claim is not None and claim.job.token == job.token and end_job(store, claim.token, "finished")
    clock.move(days=31)
    new, digests = fill(store, "ann", "New", b"2", b"3")
    assert prune(store, 30.0, "operator") == (1, 1, 1)
    assert [found.id for found in find_worklists(store)] == [new]
    assert find_jobs(store) == ()
    assert all(upload_path(store, digest) for digest in digests)
    assert prune(store, 30.0, "operator") == (0, 0, 0)
    assert verify_audit(store).broken is None
    for days in (-1.0, float("nan"), float("inf")):
        with pytest.raises(StoreError, match="age of 0 to"):
            prune(store, days, "operator")


def test_a_file_is_removed_a_day_after_it_was_scored_unless_the_operator_keeps_pixels(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    _, (scored,) = fill(store, "ann", "Scored", b"1")
    waiting = put_upload(store, b"2")
    add_worklist(store, "Waiting", "ann", BUNDLE, "verdict", [NewItem(waiting)])
    for digest in (scored, waiting):
        make_old(store, digest, days=0.9)
    assert sweep_uploads(store) == 0
    for digest in (scored, waiting):
        make_old(store, digest, days=0.2)
    monkeypatch.setenv("NERO_KEEP_PIXELS", "1")
    assert sweep_uploads(store) == 0
    monkeypatch.setenv("NERO_KEEP_PIXELS", "0")
    assert sweep_uploads(store) == 1
    assert upload_path(store, scored) is None and upload_path(store, waiting) is not None


def test_a_file_whose_worklist_never_came_is_removed_after_an_hour(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NERO_KEEP_PIXELS", "1")
    digest = put_upload(store, b"1")
    half = store.uploads / digest[:2] / ".half.123.part"  # what a kill leaves
    half.write_bytes(b"")
    assert sweep_uploads(store) == 0
    for path in (half, store.uploads / digest[:2] / digest):
        os.utime(path, (1e9, 1e9))
    assert sweep_uploads(store) == 2
    assert not half.exists() and upload_path(store, digest) is None


def test_reviews_of_a_deleted_item_are_gone(store: Store):
    number, _ = fill(store, "ann", "Monday", b"1")
    with store.reading() as connection:
        item = connection.execute(text("SELECT id FROM items")).scalar_one()
    assert len(reviews_of(store, item)) == 1
    delete_worklist(store, number, "ann")
    assert reviews_of(store, item) == ()
