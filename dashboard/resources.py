"""What several users share: loaded bundles and finished results, in bounded caches.

Records are frozen and nobody writes to their tensors, so they are shared as they are (``cache_resource``) and not
copied for each session. Results are kept under the digest of the image's bytes, the digest of the bundle and the
setting; a file's name is never part of what is kept, since two people may have one image under different names.
"""

import hashlib
import os
import threading
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import places
from dashboard.comparison import Comparison
from dashboard.jobs import Job
from nero_core import DETECTORS, BenchmarkResult, Inspector, decode_image, find_bundles, read_result
from nero_core.errors import BundleError, ImageError, NeroError
from nero_core.explain.render import enlarge, fit_within
from nero_core.types import Channels, Detection, Explanation, ImageBatch, Observation

PROJECT = Path(__file__).resolve().parents[1]
BUNDLES = PROJECT / "assets" / "bundles"
SAMPLES = PROJECT / "assets" / "samples"
HOUR = 3600.0  # seconds that results are kept
_DECODERS = threading.Semaphore(2)  # a 64-megapixel image takes 200 MB while it is decoded


@dataclass(frozen=True, slots=True)
class Source:
    """One image file that somebody chose.

    Attributes:
        key: distinguishes files of one name.
        name: as shown.
        data: the file's bytes.
        id: sha256 of the bytes.
    """

    key: str
    name: str
    data: bytes = field(repr=False)
    id: str


def bundle_paths() -> dict[str, Path]:
    """The bundles to choose from, by the name to show.

    The one named by ``NERO_BUNDLE`` comes first and is listed even when it is missing, so that the page can say so;
    then those of ``NERO_BUNDLES`` (folders, separated as in ``PATH``), then the project's own, then those that users of
    this server made.
    """
    found = [Path(os.environ["NERO_BUNDLE"])] if os.environ.get("NERO_BUNDLE") else []
    for folder in filter(None, os.environ.get("NERO_BUNDLES", "").split(os.pathsep)):
        found += find_bundles(folder) or [Path(folder)]
    found += find_bundles(BUNDLES)
    found += own_bundles()
    named: dict[str, Path] = {}
    for path in dict.fromkeys(path.resolve() for path in found):
        name, copy = path.name, 2
        while name in named:
            name, copy = f"{path.name} ({copy})", copy + 1
        named[name] = path
    return named


def own_bundles() -> tuple[Path, ...]:
    """The bundles that users of this server made or loaded; none where their folder cannot be read."""
    try:
        return find_bundles(places.bundles())
    except (BundleError, OSError):
        return ()


def name_of(path: Path) -> str | None:
    """The name under which a bundle stands in the list."""
    return next((name for name, one in bundle_paths().items() if one == path.resolve()), None)


def samples() -> Path:
    """The folder of sample images: the project's own, or ``NERO_SAMPLES``."""
    return Path(os.environ.get("NERO_SAMPLES") or SAMPLES)


def inspector(path: Path) -> Inspector:
    """The bundle, loaded once for everybody, and anew when its card has changed.

    Raises:
        BundleError: it is missing, altered, of an unknown schema, or its parts do not fit.
    """
    card = path / "bundle.json"
    digest = hashlib.sha256(card.read_bytes()).hexdigest() if card.is_file() else ""  # loading says what is missing
    return _inspector(str(path), os.environ.get("NERO_DEVICE", "auto"), digest)


def source(key: str, name: str, data: bytes) -> Source:
    """A file with its digest, which is computed once."""
    clean = "".join(letter for letter in name if unicodedata.category(letter)[0] != "C").strip()
    return Source(key, clean or "unnamed image", data, _digest(key, len(data), data))


def problem(item: Source) -> str:
    """What is wrong with a file, or nothing."""
    return _problem(item.id, item.name, item)


def picture(item: Source) -> NDArray[np.uint8]:
    """The image for the screen: its own aspect, at most 1200 px, a small one enlarged pixel by pixel.

    Raises:
        ImageError: it cannot be decoded.
    """
    return _picture(item.id, item)[0]


def note(item: Source) -> str:
    """What decoding did that a reader should know."""
    return _picture(item.id, item)[1]


def key(model: Inspector) -> str:
    """What results are kept under, besides the image: the bundle's digest and the device."""
    return f"{model.bundle.digest} {model.device}"


def observation(model: Inspector, item: Source) -> Observation:
    """The one forward pass."""
    return _observation(key(model), item.id, model, item)


def detection(model: Inspector, item: Source, method: str, tpr: float) -> Detection:
    """The verdict's record."""
    return _detection(key(model), item.id, method, tpr, model, item)


def answer(model: Inspector, item: Source, method: str, tpr: float) -> Detection | str:
    """The verdict's record, or the reason why a method has none."""
    return _answer(key(model), item.id, method, tpr, model, item)


def comparison(model: Inspector) -> Comparison:
    """All methods on the bundle's own banks: one for everybody, begun by whoever comes first."""
    return _comparison(key(model), model)


def job_result(job: Job) -> BenchmarkResult:
    """What a finished comparison found.

    Raises:
        NeroError: its file is missing or was altered.
    """
    return _job_result(job.id, job)


def channels(model: Inspector, item: Source) -> Channels:
    """Every channel against the centroids; no backward pass."""
    return _channels(key(model), item.id, model, item)


def explanation(model: Inspector, item: Source, concepts: int, order: str, chosen: tuple[int, ...] = ()) -> Explanation:
    """Heatmaps and concepts: the slow part."""
    return _explanation(key(model), item.id, concepts, order, chosen, model, item)


@st.cache_resource(max_entries=3, show_spinner="Loading the reference set and its classifier …")
def _inspector(path: str, device: str, digest: str) -> Inspector:
    model = Inspector.load(path, device)
    model.reference_scores()  # fits NERO now, while the page says that it loads, and not before the first verdict
    return model


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _digest(key: str, size: int, _data: bytes) -> str:
    return hashlib.sha256(_data).hexdigest()


@st.cache_data(max_entries=4096, ttl=HOUR, show_spinner=False)
def _problem(image_id: str, name: str, _item: Source) -> str:
    try:
        _picture(image_id, _item)
    except ImageError as error:
        return str(error)
    return ""


@st.cache_resource(max_entries=48, ttl=HOUR, show_spinner=False)
def _picture(image_id: str, _item: Source) -> tuple[NDArray[np.uint8], str]:
    with _DECODERS:
        decoded = decode_image(_item.data, name=_item.name)
        return enlarge(fit_within(decoded.pixels)), decoded.note


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _batch(model_key: str, image_id: str, _model: Inspector, _item: Source) -> ImageBatch:
    with _DECODERS:
        return _model.decode([_item.data], [_item.name])


@st.cache_resource(max_entries=512, ttl=HOUR, show_spinner=False)
def _observation(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Observation:
    return _model.observe(_batch(model_key, image_id, _model, _item))


@st.cache_resource(max_entries=1024, ttl=HOUR, show_spinner=False)
def _detection(model_key: str, image_id: str, method: str, tpr: float, _model: Inspector, _item: Source) -> Detection:
    looks_again = method in DETECTORS and DETECTORS[method].second_pass is not None
    seen = (_batch if looks_again else _observation)(model_key, image_id, _model, _item)
    return _model.detect(seen, (method,), tpr)[method]


@st.cache_resource(max_entries=4096, ttl=HOUR, show_spinner=False)
def _answer(
    model_key: str, image_id: str, method: str, tpr: float, _model: Inspector, _item: Source
) -> Detection | str:
    try:
        return _detection(model_key, image_id, method, tpr, _model, _item)
    except NeroError as error:
        return str(error)


@st.cache_resource(max_entries=8, ttl=HOUR, show_spinner="Reading the result …")
def _job_result(job_id: str, _job: Job) -> BenchmarkResult:
    return read_result(_job.result)


@st.cache_resource(max_entries=8, ttl=24 * HOUR, show_spinner=False)
def _comparison(model_key: str, _model: Inspector) -> Comparison:
    return Comparison(_model)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _channels(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Channels:
    return _model.channels(_observation(model_key, image_id, _model, _item))


@st.cache_resource(max_entries=48, ttl=HOUR, show_spinner=False)
def _explanation(
    model_key: str,
    image_id: str,
    concepts: int,
    order: str,
    chosen: tuple[int, ...],
    _model: Inspector,
    _item: Source,
) -> Explanation:
    batch = _batch(model_key, image_id, _model, _item)
    return _model.explain(
        batch, concepts=concepts, by="relevance" if order == "relevance" else "share", channels=chosen
    )
