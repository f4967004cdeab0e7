"""A full disk: nothing is half, and what was written stays."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from nero_core.errors import StoreError
from nero_core.store import (
    Review,
    Store,
    add_review,
    add_worklist,
    back_up,
    find_items,
    find_worklists,
    open_store,
    put_upload,
    reviews_of,
    upload_path,
    verify_audit,
)
from tests.nero_core.store.material import BUNDLE, items, score_all
from tests.postgresql import PostgreSQL

Room = Callable[[int], AbstractContextManager[None]]
MANY = 15_000  # items: more bytes than the room of SERVER_ROOM
SERVER_ROOM = 3 * 2**19  # above a piece of the write-ahead log, without which the server could not go on


@pytest.fixture
def no_room(
    request: pytest.FixtureRequest, store: Store, disk_with_room: Room
) -> Callable[[], AbstractContextManager[None]]:
    """``with no_room():`` no file of the database may grow much, by a limit of the process that writes it."""

    @contextmanager
    def of_the_server() -> Iterator[None]:
        if shutil.which("prlimit") is None:
            pytest.skip("the limit of another process is set by Linux's prlimit")
        server: PostgreSQL = request.getfixturevalue("postgresql")
        with store.reading() as connection:  # the one connection, which the next step uses too
            process = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        server.limit_files(process, str(SERVER_ROOM))
        yield
        server.limit_files(process, "unlimited")

    if store.url.drivername != "sqlite":
        return of_the_server
    return lambda: disk_with_room(largest(Path(str(store.url.database))) + 2**16)


def largest(file: Path) -> int:
    """Bytes of a SQLite file or of its log, whichever are more."""
    return max(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


def test_on_a_full_disk_nothing_of_the_step_is_written_and_all_before_stays(
    store: Store, worklist: int, no_room: Callable[[], AbstractContextManager[None]]
):
    item = score_all(store, worklist)[0]
    reviews = [add_review(store, Review(item, "ann", "comment", comment=str(number))) for number in range(3)]
    before = verify_audit(store), find_worklists(store), find_items(store, worklist)
    with no_room():
        for _ in range(2):
            with pytest.raises(StoreError, match=r"Expected room on the disk.* Nothing of this step was written"):
                add_worklist(store, "Large", "ann", BUNDLE, "verdict", items(MANY, 100))
        assert (verify_audit(store), find_worklists(store), find_items(store, worklist)) == before
    assert reviews_of(store, item) == tuple(reviews)
    made = add_worklist(store, "Large", "ann", BUNDLE, "verdict", items(MANY, 100))  # there is room again
    assert made.total == MANY
    assert verify_audit(store).lines == before[0].lines + 1


def test_a_review_that_finds_no_room_is_told_and_none_that_was_confirmed_is_lost(disk_with_room: Room, tmp_path: Path):
    """SQLite alone: a server without room for its log ends, and comes back with what was confirmed."""
    file = tmp_path / "reviews.db"
    with open_store(f"sqlite:///{file}") as store:
        item = score_all(store, add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(1)).id)[0]
        confirmed = []
        with disk_with_room(largest(file) + 2**16), pytest.raises(StoreError, match="room on the disk"):
            for _ in range(1000):
                confirmed.append(add_review(store, Review(item, "ann", "comment", comment="x" * 2000)))
        assert confirmed and reviews_of(store, item) == tuple(confirmed)
        assert verify_audit(store).broken is None
        assert add_review(store, Review(item, "ann", "agree")).id > confirmed[-1].id


def test_a_backup_that_finds_no_room_leaves_the_older_one(
    store: Store, database: str, disk_with_room: Room, tmp_path: Path
):
    file = tmp_path / "backup.db"
    back_up(file, database)
    before = file.read_bytes()
    add_worklist(store, "Large", "ann", BUNDLE, "verdict", items(3000))
    with disk_with_room(len(before)), pytest.raises(StoreError, match="room on the disk"):
        back_up(file, database)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*backup*")] == ["backup.db"]


def test_an_upload_that_finds_no_room_is_not_there(store: Store, disk_with_room: Room):
    with disk_with_room(1000), pytest.raises(StoreError, match=r"Expected to write 2000 bytes .*make room"):
        put_upload(store, b"x" * 2000)
    assert [path for path in store.uploads.rglob("*") if path.is_file()] == []
    assert upload_path(store, put_upload(store, b"x" * 2000)) is not None
