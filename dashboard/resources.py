"""What several users share: loaded bundles and finished results, in bounded caches.

Records are frozen and nobody writes to their tensors, so they are shared as they are (``cache_resource``) and not
copied for each session. Results are kept under the digest of the image's bytes, the digest of the bundle and the
setting; a file's name is never part of what is kept, since two people may have one image under different names.
"""

import hashlib
import io
import os
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from dashboard import places
from dashboard.comparison import Comparison
from dashboard.jobs import Job
from dashboard.map_making import MapMaking
from nero_core import (
    DETECTORS,
    BenchmarkResult,
    Explorer,
    Inspector,
    Perturbation,
    QuizCase,
    decode_image,
    find_bundles,
    perturb,
    quiz_case,
    read_result,
)
from nero_core.errors import BundleError, ImageError, NeroError
from nero_core.explain.render import enlarge, fit_within
from nero_core.types import (
    BlockConservation,
    ChannelPortrait,
    Channels,
    ConceptDepth,
    Detection,
    Explanation,
    Faithfulness,
    ImageBatch,
    MapPlace,
    MissingConcept,
    Observation,
    WhatIf,
    WhatIfSettings,
)

PROJECT = Path(__file__).resolve().parents[1]
BUNDLES = PROJECT / "assets" / "bundles"
FIRST = "phantom-resnet18"  # of the project's own bundles: convolutions are the better start for a lesson
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
    found += sorted(find_bundles(BUNDLES), key=lambda path: path.name != FIRST)
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


def explorer(model: Inspector) -> Explorer:
    """What looks inside the bundle: one for everybody, with the maps and references that it has made."""
    return _explorer(key(model), model)


def job_result(job: Job) -> BenchmarkResult:
    """What a finished comparison found.

    Raises:
        NeroError: its file is missing or was altered.
    """
    return _job_result(job.id, job)


def channels(model: Inspector, item: Source) -> Channels:
    """Every channel against the centroids; no backward pass."""
    return _channels(key(model), item.id, model, item)


def explanation(
    model: Inspector,
    item: Source,
    concepts: int,
    order: str,
    chosen: tuple[int, ...] = (),
    composite: str | None = None,
) -> Explanation:
    """Heatmaps and concepts: the slow part. The architecture's own composite where none is named."""
    return _explanation(key(model), item.id, concepts, order, chosen, composite, model, item)


def blocks(model: Inspector, item: Source, composite: str) -> tuple[BlockConservation, ...]:
    """How much relevance of the class heatmap reaches each block."""
    return _blocks(key(model), item.id, composite, model, item)


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


@st.cache_resource(max_entries=3, show_spinner=False)
def _explorer(model_key: str, _model: Inspector) -> Explorer:
    return Explorer(_model)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _channels(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Channels:
    return _model.channels(_observation(model_key, image_id, _model, _item))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _blocks(
    model_key: str, image_id: str, composite: str, _model: Inspector, _item: Source
) -> tuple[BlockConservation, ...]:
    return _model.blocks(_batch(model_key, image_id, _model, _item), composite=composite)


@st.cache_resource(max_entries=48, ttl=HOUR, show_spinner=False)
def _explanation(
    model_key: str,
    image_id: str,
    concepts: int,
    order: str,
    chosen: tuple[int, ...],
    composite: str | None,
    _model: Inspector,
    _item: Source,
) -> Explanation:
    batch = _batch(model_key, image_id, _model, _item)
    by: Literal["share", "relevance"] = "relevance" if order == "relevance" else "share"
    return _model.explain(batch, concepts=concepts, by=by, channels=chosen, composite=composite)


# Learn and the what-if panel


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A perturbed image with what NERO says of it.

    Attributes:
        pixels: as shown.
        batch: at the classifier's input size.
        detection: of NERO.
        channels: against the centroids.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    batch: ImageBatch = field(repr=False)
    detection: Detection
    channels: Channels


def what_if(model: Inspector, item: Source, settings: WhatIfSettings) -> WhatIf:
    """NERO under other settings, from the banks."""
    return _what_if(key(model), item.id, settings, model, item)


def perturbed(model: Inspector, item: Source, perturbation: Perturbation, tpr: float) -> Perturbed:
    """A perturbed image and its score: of the last few dozen only, so that sliders do not push others' results out."""
    return _perturbed(key(model), item.id, repr(perturbation), tpr, perturbation, model, item)


def perturbed_explanation(model: Inspector, item: Source, perturbation: Perturbation, shown: Perturbed) -> Explanation:
    """The heatmap of a perturbed image; with no concept, which would take longer."""
    return _perturbed_explanation(key(model), item.id, repr(perturbation), model, shown)


def drawn_case(seed: int, number: int) -> tuple[QuizCase, Source]:
    """A picture of the quiz, and the same as a file to score."""
    return _drawn_case(seed, number)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _what_if(model_key: str, image_id: str, settings: WhatIfSettings, _model: Inspector, _item: Source) -> WhatIf:
    return explorer(_model).what_if(_observation(model_key, image_id, _model, _item), settings)


@st.cache_resource(max_entries=16, ttl=HOUR, show_spinner=False)
def _own_size(image_id: str, _item: Source) -> NDArray[np.uint8]:
    """The picture to perturb: at the file's own size, a large one made smaller."""
    with _DECODERS:
        return fit_within(decode_image(_item.data, name=_item.name).pixels, 512)


@st.cache_resource(max_entries=32, ttl=HOUR, show_spinner=False)
def _perturbed(
    model_key: str,
    image_id: str,
    recipe: str,
    tpr: float,
    _perturbation: Perturbation,
    _model: Inspector,
    _item: Source,
) -> Perturbed:
    pixels = perturb(_own_size(image_id, _item), _perturbation)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "BMP")  # exact, and written in no time
    batch = _model.decode([file.getvalue()], ["perturbed"])
    observation = _model.observe(batch)
    return Perturbed(pixels, batch, _model.detect(observation, tpr=tpr)["nero"], _model.channels(observation))


@st.cache_resource(max_entries=16, ttl=HOUR, show_spinner=False)
def _perturbed_explanation(
    model_key: str, image_id: str, recipe: str, _model: Inspector, _shown: Perturbed
) -> Explanation:
    return _model.explain(_shown.batch, concepts=0)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _drawn_case(seed: int, number: int) -> tuple[QuizCase, Source]:
    case = quiz_case(seed, number)
    return case, source(f"quiz {seed} {number}", f"picture {number + 1}.jpg", case.data)


# page "Neuron explorer"


def concept(model: Inspector, item: Source, channel: int) -> ConceptDepth:
    """One channel in one image, in depth: the slow part of a channel's page."""
    return _concept(key(model), item.id, channel, model, item)


def portrait(model: Inspector, channel: int) -> ChannelPortrait:
    """One channel in the fit bank."""
    return _portrait(key(model), channel, model)


def reference_channels(model: Inspector, reference_id: str) -> Channels:
    """Every channel of a fit image against the centroids, from the bank."""
    return _reference_channels(key(model), reference_id, model)


def map_making(model: Inspector, kind: Literal["pca", "umap"]) -> MapMaking:
    """The map of all relevance vectors: one for everybody, begun by whoever comes first."""
    return _map_making(key(model), kind, model)


def forget_map(model: Inspector, kind: Literal["pca", "umap"]) -> None:
    """Whoever asks for the map next begins it anew: after an error that nobody foresaw."""
    _map_making.clear(key(model), kind, model)


def place(model: Inspector, item: Source, kind: Literal["pca", "umap"]) -> MapPlace:
    """Where an image lies on a map that is made."""
    return _place(key(model), item.id, kind, model, item)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _concept(model_key: str, image_id: str, channel: int, _model: Inspector, _item: Source) -> ConceptDepth:
    return explorer(_model).concept(_batch(model_key, image_id, _model, _item), channel)


@st.cache_resource(max_entries=128, ttl=HOUR, show_spinner=False)
def _portrait(model_key: str, channel: int, _model: Inspector) -> ChannelPortrait:
    return explorer(_model).portrait(channel)


@st.cache_resource(max_entries=6, show_spinner=False)
def _map_making(model_key: str, kind: Literal["pca", "umap"], _model: Inspector) -> MapMaking:
    fit = _model.bundle.fit
    return MapMaking(explorer(_model), kind, Observation(fit.features[:1], _model.bundle.classifier.head, fit.ids[:1]))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _place(model_key: str, image_id: str, kind: Literal["pca", "umap"], _model: Inspector, _item: Source) -> MapPlace:
    return explorer(_model).place(_observation(model_key, image_id, _model, _item), kind)


# maps on the page "Screen an image"


@dataclass(slots=True)
class _Measured:
    """A faithfulness to be measured once: outside the cache, since Streamlit lets nothing in there move a bar."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    figures: Faithfulness | None = None


def faithfulness(
    model: Inspector, item: Source, composite: str, on_progress: Callable[[int, int], None]
) -> Faithfulness:
    """Whether the heatmap of a composite is faithful in this image; seconds, and then kept."""
    held = _measured(key(model), item.id, composite)
    with held.lock:
        if held.figures is None:
            batch = _batch(key(model), item.id, model, item)
            held.figures = explorer(model).faithfulness(batch, composite=composite, on_progress=on_progress)
        return held.figures


def missing_evidence(model: Inspector, item: Source) -> tuple[MissingConcept, ...]:
    """The under-used channels that add most to the distance, with their reference images; no backward pass."""
    return _missing_evidence(key(model), item.id, model, item)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _measured(model_key: str, image_id: str, composite: str) -> _Measured:
    return _Measured()


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _missing_evidence(model_key: str, image_id: str, _model: Inspector, _item: Source) -> tuple[MissingConcept, ...]:
    return explorer(_model).missing_evidence(_observation(model_key, image_id, _model, _item))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _reference_channels(model_key: str, reference_id: str, _model: Inspector) -> Channels:
    fit = _model.bundle.fit
    row = fit.ids.index(reference_id)
    return _model.channels(Observation(fit.features[row : row + 1], _model.bundle.classifier.head, (reference_id,)))
