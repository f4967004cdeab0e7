"""Small pictures of uploads, gone with them: to decode fifty images for a page, or find a frame again, takes long."""

import shutil
from pathlib import Path

from nero_core.atomic import write_bytes
from nero_core.store.database import private_file
from nero_core.store.records import check_digest
from nero_core.store.store import Store


def put_thumbnail(store: Store, digest: str, frame: int | None, side: int, data: bytes) -> None:
    """Write a small picture, whole or not at all.

    Args:
        store: where to.
        digest: of the upload.
        frame: as the item has it.
        side: pixels that it fits in.
        data: a WebP file.

    Raises:
        StoreError: it cannot be written.
    """
    place = _place(store, digest, frame, side)
    with private_file(place, f"to write a small picture of {len(data)} bytes"):
        write_bytes(place, data)


def thumbnail_path(store: Store, digest: str, frame: int | None, side: int) -> Path | None:
    """Where a small picture of this side lies; None where there is none.

    Raises:
        StoreError: ``digest`` is none.
    """
    check_digest(digest, "an upload")
    place = _place(store, digest, frame, side)
    return place if place.is_file() else None


def remove_thumbnails(store: Store, digest: str) -> None:
    """Remove the small pictures of an upload and of all its frames."""
    shutil.rmtree(_folder(store, digest), ignore_errors=True)


def _folder(store: Store, digest: str) -> Path:
    return store.uploads.parent / "thumbnails" / digest[:2] / digest


def _place(store: Store, digest: str, frame: int | None, side: int) -> Path:
    return _folder(store, digest) / f"{'whole' if frame is None else frame}-{side}.webp"
