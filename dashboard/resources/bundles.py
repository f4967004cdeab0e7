"""Reference sets: which there are, and each loaded once."""

import hashlib
import os
from pathlib import Path

import numpy as np
import streamlit as st
import torch

from dashboard import places
from nero_core import Explorer, Inspector, find_bundles
from nero_core.data import Picture
from nero_core.errors import BundleError
from nero_core.shipped import assets
from nero_core.types import ImageBatch

BUNDLES = assets() / "bundles"
FIRST = "phantom-efficientnet-lite0"  # of the project's own bundles: convolutions are the better start for a lesson
SAMPLES = assets() / "samples"


def bundle_paths() -> dict[str, Path]:
    """The bundles to choose from, by the name to show.

    The one named by ``NERO_BUNDLE`` comes first and is listed even when it is missing, so that the page can say so;
    then those of ``NERO_BUNDLES`` (folders, separated as in ``PATH``), then the project's own, then those that users of
    this server made.
    """
    paths = [Path(os.environ["NERO_BUNDLE"])] if os.environ.get("NERO_BUNDLE") else []
    for folder in filter(None, os.environ.get("NERO_BUNDLES", "").split(os.pathsep)):
        paths += find_bundles(folder) or [Path(folder)]
    paths += sorted(find_bundles(BUNDLES), key=lambda path: path.name != FIRST)
    paths += own_bundles()
    named: dict[str, Path] = {}
    for path in dict.fromkeys(path.resolve() for path in paths):
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
    return next((name for name, folder in bundle_paths().items() if folder == path.resolve()), None)


def samples() -> Path:
    """The folder of sample images: the project's own, or ``NERO_SAMPLES``."""
    return Path(os.environ.get("NERO_SAMPLES") or SAMPLES)


def inspector(path: Path) -> Inspector:
    """The bundle, loaded once for everybody, and again when its card has changed.

    Raises:
        BundleError: it is missing, altered, of an unknown schema, or its parts do not fit.
    """
    card = path / "bundle.json"
    digest = hashlib.sha256(card.read_bytes()).hexdigest() if card.is_file() else ""  # loading says what is missing
    return _inspector(str(path), os.environ.get("NERO_DEVICE", "auto"), digest)


def answer_once() -> None:
    """Load the bundle that is offered first, and let it answer and explain one grey image, while nobody waits yet.

    Raises:
        NeroError: it is missing or cannot do that, which the page says.
    """
    first = next(iter(bundle_paths().values()), None)
    if first is None:
        return
    model = inspector(first)
    pixels = torch.full((1, 3, *model.bundle.classifier.input_size), 0.5)
    observed = model.observe(ImageBatch(pixels, ("grey",), ("grey",)))
    model.detect(observed, (model.default_method(),))
    model.explain(observed)
    explorer(model).check_picture(Picture(np.full((16, 16, 3), 128, np.uint8), "grey", "grey"))


def key(model: Inspector) -> str:
    """What results are kept under, besides the image: the bundle's digest and the device."""
    return f"{model.bundle.digest} {model.device}"


def explorer(model: Inspector) -> Explorer:
    """What looks inside the bundle: one for everybody, with the maps and references that it has made."""
    return _explorer(key(model), model)


@st.cache_resource(max_entries=3, show_spinner=False)
def _inspector(path: str, device: str, digest: str) -> Inspector:
    model = Inspector.load(path, device)
    model.reference_scores()  # fits NERO now, while the page says that it loads, and not before the first verdict
    return model


@st.cache_resource(max_entries=3, show_spinner=False)
def _explorer(model_key: str, _model: Inspector) -> Explorer:
    return Explorer(_model)
