"""Small pictures of the frames of an upload, gone with it: to find a frame of a video again takes long."""

import shutil
from pathlib import Path

from nero_core.atomic import write_bytes
from nero_core.errors import StoreError
from nero_core.store.database import make_private
from nero_core.store.records import check_digest
from nero_core.store.store import Store


def put_thumbnail(store: Store, digest: str, frame: int, data: bytes) -> None:
    """Write the small picture of a frame, whole or not at all.

    Args:
        store: where to.
        digest: of the upload.
        frame: as the item has it.
        data: a WebP file.

    Raises:
        StoreError: it cannot be written.
    """
    place = _place(store, digest, frame)
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_bytes(place, data)
    except OSError as error:
        raise StoreError(
            f"Expected to write a small picture of {len(data)} bytes. Found: {error.strerror or error}. "
            "Ask who runs this server to make room, or to set NERO_HOME to a folder that can be written."
        ) from error
    make_private(place)


def thumbnail_path(store: Store, digest: str, frame: int) -> Path | None:
    """Where the small picture of a frame lies; None where there is none.

    Raises:
        StoreError: ``digest`` is none.
    """
    check_digest(digest, "an upload")
    place = _place(store, digest, frame)
    return place if place.is_file() else None


def remove_thumbnails(store: Store, digest: str) -> None:
    """Remove the small pictures of all frames of an upload."""
    shutil.rmtree(_folder(store, digest), ignore_errors=True)


def _folder(store: Store, digest: str) -> Path:
    return store.uploads.parent / "thumbnails" / digest[:2] / digest


def _place(store: Store, digest: str, frame: int) -> Path:
    return _folder(store, digest) / f"{frame}.webp"
