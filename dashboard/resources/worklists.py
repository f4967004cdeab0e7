"""The store of this server, and small pictures of its items in bounded caches."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from PIL import Image

from dashboard.resources.bundles import bundle_paths
from dashboard.resources.images import DECODERS, HOUR, Source
from nero_core import Inspector
from nero_core.calibration import read_card
from nero_core.data import frame_digest, thumbnail
from nero_core.errors import ImageError
from nero_core.store import Discoveries, Item, NewItem, Store, discoveries, open_store, thumbnail_path, upload_path
from nero_core.store import home as nero_home
from nero_core.worklist import (
    LARGE,
    SMALL,
    Confirmed,
    Duplicates,
    PictureReader,
    Quality,
    confirmed_images,
    is_video,
    near_duplicates,
    quality,
)


def store() -> Store:
    """The store; opened once for everybody.

    Raises:
        StoreError: there is none, or it is of another schema.
    """
    return _store(str(nero_home()))


def small(digest: str, frame: int | None = None) -> bytes | None:
    """A small WebP file of an upload; None where it is gone or no image, or its frame is not scored yet."""
    place = thumbnail_path(store(), digest, frame, SMALL)
    if place is not None:
        return place.read_bytes()
    return _small(digest) if frame is None else None


def large(digest: str, frame: int | None = None) -> bytes | None:
    """A larger one, to read an image by; None where it is gone or no image."""
    place = None if frame is None else thumbnail_path(store(), digest, frame, LARGE)
    return _large(digest, frame) if place is None else place.read_bytes()


def source_of(item: Item, name: str) -> Source | None:
    """The image of an item for the other pages; None where it is gone.

    Raises:
        ImageError: its frame cannot be read.
    """
    path, key = upload_path(store(), item.digest), f"worklist {item.id}"
    if path is None:
        return None
    if item.frame is None:
        return Source(key, name, path.read_bytes(), item.digest)
    if not is_video(path):
        return Source(key, name, path.read_bytes(), frame_digest(item.digest, item.frame + 1), item.frame + 1)
    with DECODERS:
        picture = PictureReader(store()).picture(item)
        buffer = io.BytesIO()
        Image.fromarray(picture.pixels).save(buffer, "PNG", compress_level=1)
    return Source(key, name, buffer.getvalue(), picture.id)


def alike(number: int, done: int) -> Duplicates:
    """The near-duplicates of a worklist of which so many items are done."""
    return _alike(str(nero_home()), number, done)


def called(number: int, done: int, rate: float) -> Discoveries:
    """What is unlike over the whole worklist at a rate."""
    return _called(str(nero_home()), number, done, rate)


def bundle_of(digest: str) -> Path | None:
    """The folder of the bundle of a digest, where it is among those to choose from."""
    for path in bundle_paths().values():
        card = path / "bundle.json"
        if card.is_file() and hashlib.sha256(card.read_bytes()).hexdigest() == digest:
            return path
    return None


def classes_of(digest: str) -> tuple[str, ...]:
    """The classes of the bundle of a digest; none where it is no longer here."""
    path = bundle_of(digest)
    return () if path is None else _classes(str(path), digest)


def over_time(model: Inspector) -> Quality:
    """What a bundle has done so far."""
    return quality(store(), model.bundle.digest, model.bundle.calibration_size)


def confirmed(
    model: Inspector, numbers: Sequence[int], is_beside: bool, has_picture: Callable[[str], bool]
) -> Confirmed:
    """What reviews say of worklists that were scored with a bundle."""
    bundle = model.bundle
    own = {*bundle.fit.ids, *(() if bundle.ood is None else bundle.ood.ids)}
    own |= set(bundle.calibration.ids) if is_beside else set()
    return confirmed_images(store(), bundle.digest, numbers, bundle.card.class_names, own, has_picture)


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(home: str) -> Store:
    return open_store()


@st.cache_data(max_entries=64, show_spinner=False)
def _classes(path: str, digest: str) -> tuple[str, ...]:
    return read_card(Path(path))[0].class_names


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _small(digest: str) -> bytes | None:
    return _picture(digest, None, SMALL)


@st.cache_data(max_entries=128, ttl=HOUR, show_spinner=False)
def _large(digest: str, frame: int | None) -> bytes | None:
    return _picture(digest, frame, LARGE)


def _picture(digest: str, frame: int | None, side: int) -> bytes | None:
    try:
        with DECODERS:
            return thumbnail(PictureReader(store()).picture(NewItem(digest, frame=frame)), side)
    except ImageError:
        return None


@st.cache_resource(max_entries=32, ttl=HOUR, show_spinner=False)
def _alike(home: str, number: int, done: int) -> Duplicates:
    return near_duplicates(store(), number)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _called(home: str, number: int, done: int, rate: float) -> Discoveries:
    return discoveries(store(), number, rate)
