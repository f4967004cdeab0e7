"""Uploaded files, decoded within limits."""

import hashlib
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.operations.metrics import timed
from dashboard.resources.rasters import Rasters
from nero_core.data import Picture, decode_image, frame_digest, frame_name, frames_in, study_tags
from nero_core.errors import ImageError
from nero_core.figures import enlarge, fit_within

HOUR = 3600.0  # seconds that results are kept
DECODERS = threading.Semaphore(2)  # a 64-megapixel image takes 200 MB while it is decoded
MOST_PIXELS = 64_000_000  # of all decoded pictures that are kept: one of the largest, or 30 frames of 1920 × 1080


@dataclass(frozen=True, slots=True)
class Source:
    """One image file that somebody chose.

    Attributes:
        key: distinguishes files of one name.
        name: as shown.
        data: the file's bytes.
        id: sha256 of the bytes; of one of several frames, an id of its own.
        frame: of a DICOM file that has several, counted from 1; None of any other.
    """

    key: str
    name: str
    data: bytes = field(repr=False)
    id: str
    frame: int | None = None


def source(key: str, name: str, data: bytes) -> Source:
    """A file with its digest, which is computed once."""
    clean = "".join(letter for letter in name if unicodedata.category(letter)[0] != "C").strip()
    return Source(key, clean or "unnamed image", data, _digest(key, len(data), data))


def sources(key: str, name: str, data: bytes, most: int) -> tuple[list[Source], int]:
    """The images of a file, at most so many of its frames, and how many it has."""
    whole = source(key, name, data)
    frames = _frames(whole.id, data)
    if frames == 1:
        return [whole], 1
    shown = [
        Source(f"{key}#{number}", frame_name(whole.name, number), data, frame_digest(whole.id, number), number)
        for number in range(1, min(frames, most) + 1)
    ]
    return shown, frames


def tags(item: Source) -> dict[str, str]:
    """What the file says of patient and study, where the operator has it shown; kept nowhere."""
    return study_tags(item.data)


def problem(item: Source) -> str:
    """What is wrong with a file, or nothing."""
    return _problem(item.id, item.name, item)


def picture(item: Source) -> NDArray[np.uint8]:
    """The image for the screen: its own aspect, at most 1200 px, a small one enlarged pixel by pixel.

    Raises:
        ImageError: it cannot be decoded.
    """
    return _picture(item.id, item)


def note(item: Source) -> str:
    """What decoding did that a reader should know."""
    return _facts(item.id, item)[0]


def sides(item: Source) -> tuple[int, int]:
    """Height and width of the file's own picture."""
    return _facts(item.id, item)[1]


@contextmanager
def decoded(item: Source) -> Iterator[Picture]:
    """The picture at the file's own size; two threads at most hold one at a time.

    Raises:
        ImageError: it cannot be decoded.
    """
    with DECODERS:
        yield _rasters().get(item.id, lambda: _decode(item))


def own_size(item: Source) -> NDArray[np.uint8]:
    """The picture to perturb: at the file's own size, a large one made smaller."""
    return _own_size(item.id, item)


def forget_pictures() -> None:
    """Let go of what is decoded."""
    _rasters().clear()


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _digest(key: str, size: int, _data: bytes) -> str:
    return hashlib.sha256(_data).hexdigest()


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _frames(image_id: str, _data: bytes) -> int:
    return frames_in(_data)


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _problem(image_id: str, name: str, _item: Source) -> str:
    try:
        _facts(image_id, _item)
    except ImageError as error:
        return str(error)
    return ""


@st.cache_resource(max_entries=4096, ttl=HOUR, show_spinner=False)
def _facts(image_id: str, _item: Source) -> tuple[str, tuple[int, int]]:
    with decoded(_item) as full:
        height, width, _ = full.pixels.shape
        return full.note, (height, width)


@st.cache_resource(max_entries=48, ttl=HOUR, show_spinner=False)
def _picture(image_id: str, _item: Source) -> NDArray[np.uint8]:
    with decoded(_item) as full:
        return enlarge(fit_within(full.pixels))


@st.cache_resource(max_entries=16, ttl=HOUR, show_spinner=False)
def _own_size(image_id: str, _item: Source) -> NDArray[np.uint8]:
    with decoded(_item) as full:
        return fit_within(full.pixels, 512)


def _decode(item: Source) -> Picture:
    """Without the file's name, since others may have the same file under their own."""
    with timed("decode"):
        picture = decode_image(item.data, item.name, digest=item.id, frame=item.frame)
    return replace(picture, name="", id=item.id)


@st.cache_resource(show_spinner=False)
def _rasters() -> Rasters:
    return Rasters(MOST_PIXELS, HOUR)
