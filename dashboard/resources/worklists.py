"""The store of this server, and small pictures of its items in bounded caches."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from dashboard.resources.bundles import bundle_paths
from dashboard.resources.images import DECODERS, HOUR
from nero_core import Inspector
from nero_core.data import decode_image, thumbnail
from nero_core.errors import ImageError
from nero_core.store import Discoveries, Store, discoveries, open_store, upload_path
from nero_core.store import home as nero_home
from nero_core.worklist import Confirmed, Duplicates, Quality, confirmed_images, near_duplicates, quality

SMALL, LARGE = 72, 640  # pixels of a side


def store() -> Store:
    """The store; opened once for everybody.

    Raises:
        StoreError: there is none, or it is of another schema.
    """
    return _store(str(nero_home()))


def small(digest: str) -> bytes | None:
    """A small WebP file of an upload; None where it is gone or no image."""
    return _picture(digest, SMALL)


def large(digest: str) -> bytes | None:
    """A larger one, to read an image by."""
    return _picture(digest, LARGE)


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


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _picture(digest: str, side: int) -> bytes | None:
    path = upload_path(store(), digest)
    if path is None:
        return None
    try:
        with DECODERS:
            return thumbnail(decode_image(path, "image", digest=digest), side)
    except ImageError:
        return None


@st.cache_resource(max_entries=32, ttl=HOUR, show_spinner=False)
def _alike(home: str, number: int, done: int) -> Duplicates:
    return near_duplicates(store(), number)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _called(home: str, number: int, done: int, rate: float) -> Discoveries:
    return discoveries(store(), number, rate)
