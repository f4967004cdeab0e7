"""Scores and verdicts: what needs no backward pass."""

import logging
from dataclasses import replace

import streamlit as st

from dashboard.operations.metrics import DIGITS, count_scored, timed
from dashboard.resources.bundles import explorer, key
from dashboard.resources.images import HOUR, Source, decoded
from dashboard.resources.passes import observed
from dashboard.work.jobs import Job
from nero_core import DETECTORS, BenchmarkResult, Inspector, read_result
from nero_core.benchmark import stored_comparison as read_stored
from nero_core.benchmark import with_scores
from nero_core.errors import NeroError
from nero_core.types import Channels, Detection, ImageBatch, Observation, WhatIf, WhatIfSettings

_log = logging.getLogger(__name__)


def observation(model: Inspector, item: Source) -> Observation:
    """The one forward pass, without the pixels: so many are kept."""
    return _observation(key(model), item.id, model, item)


def observation_with_image(model: Inspector, item: Source) -> Observation:
    """The same with the pixels, which heatmaps need."""
    return replace(observation(model, item), images=_batch(key(model), item.id, model, item))


def detection(
    model: Inspector, item: Source, method: str, tpr: float, like: float | None = None, by_class: bool = False
) -> Detection:
    """The verdict's record; ``like`` is the lower of the two rates, see ``Inspector.detect``."""
    found = _detection(key(model), item.id, method, tpr, by_class, model, item)
    return found if like is None else replace(found, borderline=like)


def answer(model: Inspector, item: Source, method: str, tpr: float) -> Detection | str:
    """The verdict's record, or the reason why a method has none."""
    return _answer(key(model), item.id, method, tpr, model, item)


def channels(model: Inspector, item: Source) -> Channels:
    """Every channel against the centroids; no backward pass."""
    return _channels(key(model), item.id, model, item)


def what_if(model: Inspector, item: Source, settings: WhatIfSettings) -> WhatIf:
    """NERO under other settings, from the banks."""
    return _what_if(key(model), item.id, settings, model, item)


def stored_comparison(model: Inspector) -> BenchmarkResult | None:
    """How all methods do on the bundle's own images, where it keeps that: figures without scores.

    Raises:
        BundleError: what it keeps is no such comparison.
    """
    return _stored_comparison(key(model), model)


def ranked(model: Inspector) -> dict[str, tuple[int, tuple[float, float, float]]]:
    """Rank and AUROC with its interval of each method on the bundle's own OOD images, the best first; none where the
    bundle keeps no such comparison, or one that cannot be read, which the page of the comparison says."""
    try:
        stored = stored_comparison(model)
    except NeroError:
        return {}
    return ranks(stored) if stored is not None else {}


def ranks(result: BenchmarkResult) -> dict[str, tuple[int, tuple[float, float, float]]]:
    """The same of any result."""
    found = {}
    for each in result.methods:
        auroc = each.pooled.auroc
        found[each.method] = (each.rank, (auroc.value, auroc.low, auroc.high))
    return found


def scored(model: Inspector, result: BenchmarkResult, methods: tuple[str, ...]) -> BenchmarkResult:
    """The result in which these methods have their scores; their first time takes a fit each."""
    return with_scores(model, result, methods)


def job_result(job: Job) -> BenchmarkResult:
    """What a finished comparison found.

    Raises:
        NeroError: its file is missing or was altered.
    """
    return _job_result(job.id, job)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _batch(model_key: str, image_id: str, _model: Inspector, _item: Source) -> ImageBatch:
    with decoded(_item) as picture:
        return _model.decode([picture])


@st.cache_resource(max_entries=512, ttl=HOUR, show_spinner=False)
def _observation(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Observation:
    batch = _batch(model_key, image_id, _model, _item)
    with timed("observe"):
        return observed(_model, batch)


@st.cache_resource(max_entries=1024, ttl=HOUR, show_spinner=False)
def _detection(
    model_key: str, image_id: str, method: str, tpr: float, by_class: bool, _model: Inspector, _item: Source
) -> Detection:
    looks_again = method in DETECTORS and DETECTORS[method].second_pass is not None
    observe = observation_with_image if looks_again else observation
    observed = observe(_model, _item)
    with timed("detect"):
        found = _model.detect(observed, (method,), tpr, None, by_class)[method]
    bundle, verdict = _model.bundle.digest, found.verdict(0)
    count_scored(bundle, method, verdict, float(found.p_value[0]))
    _log.info("scored", extra={"bundle": bundle[:DIGITS], "method": method, "verdict": verdict})
    return found


@st.cache_resource(max_entries=4096, ttl=HOUR, show_spinner=False)
def _answer(
    model_key: str, image_id: str, method: str, tpr: float, _model: Inspector, _item: Source
) -> Detection | str:
    try:
        return _detection(model_key, image_id, method, tpr, False, _model, _item)
    except NeroError as error:
        return str(error)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _channels(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Channels:
    return _model.channels(_observation(model_key, image_id, _model, _item))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _what_if(model_key: str, image_id: str, settings: WhatIfSettings, _model: Inspector, _item: Source) -> WhatIf:
    return explorer(_model).what_if(_observation(model_key, image_id, _model, _item), settings)


@st.cache_resource(max_entries=8, show_spinner=False)
def _stored_comparison(model_key: str, _model: Inspector) -> BenchmarkResult | None:
    return read_stored(_model.bundle)


@st.cache_resource(max_entries=8, ttl=HOUR, show_spinner="Reading the result …")
def _job_result(job_id: str, _job: Job) -> BenchmarkResult:
    return read_result(_job.result)
