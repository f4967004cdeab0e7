"""Uploaded files on the disk, by their digest, for as long as they are needed; the database never holds pixels."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from nero_core.atomic import new_file, write_bytes
from nero_core.errors import StoreError
from nero_core.store import settings
from nero_core.store.database import private_file
from nero_core.store.records import check_digest
from nero_core.store.schema import ImageRow, ItemRow, WorklistRow
from nero_core.store.store import Store
from nero_core.store.thumbnails import remove_thumbnails
from nero_core.store.worklists import PIECE, pieces

KEPT_SECONDS = 24 * 3600.0  # after the upload, once it is scored; longer where the operator keeps pixels
COPIED = 2**20  # bytes at a time
UNCLAIMED_SECONDS = 3600.0  # that a file may lie before its worklist is there


def put_upload(store: Store, data: bytes) -> str:
    """Write an uploaded file, whole or not at all; one that is there already counts as uploaded now.

    Returns:
        The SHA-256 of its bytes.

    Raises:
        StoreError: it cannot be written.
    """
    digest = hashlib.sha256(data).hexdigest()
    place = _place(store, digest)
    with private_file(place, f"to write {len(data)} bytes of an upload below {store.uploads}"):
        write_bytes(place, data)
    return digest


def put_upload_file(store: Store, source: Path, digest: str) -> None:
    """Copy a large file, such as a video, piece by piece; one that is there already counts as uploaded now.

    Args:
        store: where to.
        source: the file.
        digest: SHA-256 of its bytes.

    Raises:
        StoreError: it cannot be written, or its bytes are others.
    """
    place, found = _place(store, digest), hashlib.sha256()
    copying = private_file(place, f"to copy an upload below {store.uploads}")
    with copying, source.open("rb") as file, new_file(place) as part:
        part.touch(mode=0o600)
        with part.open("wb") as out:
            while piece := file.read(COPIED):
                found.update(piece)
                out.write(piece)
        if found.hexdigest() != digest:
            raise StoreError("Expected the file as it was listed. Found that it has changed. Try again.")


def upload_path(store: Store, digest: str) -> Path | None:
    """Where an uploaded file lies; None where it is gone.

    Raises:
        StoreError: ``digest`` is none.
    """
    check_digest(digest, "an upload")
    place = _place(store, digest)
    return place if place.is_file() else None


def sweep_uploads(store: Store) -> int:
    """Remove the files that nobody needs any more: those without a worklist, and, unless the operator keeps pixels,
    those that are scored and a day old.

    Returns:
        How many were removed.
    """
    removed, unread = 0, _unread(store)
    for part in pieces(_files(store), PIECE):
        digests = [path.name for path in part]
        listed = select(ImageRow.digest).where(ImageRow.digest.in_(digests))
        open_items = listed.join(ItemRow, ItemRow.image == ImageRow.id).where(ItemRow.state.in_(("waiting", "claimed")))
        with store.reading() as connection:
            known, needed = (unread.union(connection.execute(query).scalars()) for query in (listed, open_items))
        for path in part:
            age = time.time() - _changed(path)
            is_orphan = path.name not in known and age > UNCLAIMED_SECONDS
            is_old = path.name not in needed and age > KEPT_SECONDS and not settings.keeps_pixels()
            if is_orphan or is_old:
                _remove(store, path)
                removed += 1
    return removed


def remove_uploads(store: Store, digests: list[str]) -> int:
    """Remove files at once that no image in the database has any more.

    Returns:
        How many were there.
    """
    removed = 0
    for part in pieces(digests, PIECE):
        with store.reading() as connection:
            listed = select(ImageRow.digest).where(ImageRow.digest.in_(part))
            known = set(connection.execute(listed).scalars())
        for digest in part:
            place = _place(store, digest)
            if digest not in known and place.is_file():
                _remove(store, place)
                removed += 1
    return removed


def _unread(store: Store) -> set[str]:
    """The files of which a worklist has not read all images yet."""
    with store.reading() as connection:
        settings = connection.execute(select(WorklistRow.settings)).scalars().all()
    return {str(source.get("digest")) for each in settings for source in each.get("sources", ())}


def _remove(store: Store, place: Path) -> None:
    place.unlink(missing_ok=True)
    remove_thumbnails(store, place.name)


def _place(store: Store, digest: str) -> Path:
    return store.uploads / digest[:2] / digest


def _files(store: Store) -> Iterator[Path]:
    if store.uploads.is_dir():
        for folder in sorted(store.uploads.iterdir()):
            yield from sorted(folder.iterdir())  # what a kill has left half written is an orphan too


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
