"""Background tasks for all users: one of each, begun by whoever comes first, see ``dashboard.work.background_task``.

Each takes the task that it replaces, where one was stopped or failed: two who ask for that at once begin
one.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from dashboard.resources.bundles import explorer, key
from dashboard.resources.images import HOUR, Source
from dashboard.resources.verdicts import observation_with_image
from dashboard.work.background_task import BackgroundTask, Progress
from nero_core import BenchmarkResult, Inspector, compare_banks
from nero_core.case_report import CaseReport, ListSettings, describe_worklist
from nero_core.store import Store, Worklist
from nero_core.types import Faithfulness, Observation, RelevanceMap, Timeline
from nero_core.video import Sampling, Video, score_video

Result = TypeVar("Result")


def comparison(model: Inspector, instead_of: BackgroundTask[Any] | None = None) -> BackgroundTask[BenchmarkResult]:
    """All methods on the bundle's own banks."""

    def compute(on_progress: Progress) -> BenchmarkResult:
        return compare_banks(model, on_progress=lambda stage, done, total: on_progress(done, total))

    return _shared(("comparison", key(model)), "a comparison of all methods", lambda: compute, instead_of)


def comparison_so_far(model: Inspector) -> BackgroundTask[BenchmarkResult] | None:
    """The same where somebody has begun it and nobody has stopped it; it begins nothing."""
    task = _place(("comparison", key(model))).task
    return None if task is None or task.state == "stopped" or task.is_unforeseen else task


def umap(model: Inspector, instead_of: BackgroundTask[Any] | None = None) -> BackgroundTask[RelevanceMap]:
    """The map of all relevance vectors by UMAP. What places images on it is compiled too: no page waits for that.

    One on the server at a time, whichever reference set it is of: numba runs no two.
    """
    fit, model_explorer = model.bundle.fit, explorer(model)
    first = Observation(fit.features[:1], model.bundle.classifier.head, fit.ids[:1])

    def compute(on_progress: Progress) -> RelevanceMap:
        laid = model_explorer.relevance_map("umap", on_progress)
        model_explorer.place(first, "umap")
        model_explorer.ood_on_map("umap")
        return laid

    def ask(instead_of: BackgroundTask[Any] | None) -> BackgroundTask[RelevanceMap]:
        subject = ("umap", key(model))
        return _shared(subject, "a map of the reference images", lambda: compute, instead_of, alone="umap")

    task = ask(instead_of)
    if task.state == "finished" and not model_explorer.has_map("umap"):  # of an Explorer that is gone since
        task = ask(task)
    return task


def faithfulness(
    model: Inspector, item: Source, composite: str, instead_of: BackgroundTask[Any] | None = None
) -> BackgroundTask[Faithfulness]:
    """Whether the heatmap of a composite is faithful in this image."""

    def prepare() -> Callable[[Progress], Faithfulness]:
        # from the shared caches, which are the pages' alone
        observed, model_explorer = observation_with_image(model, item), explorer(model)
        return lambda on_progress: model_explorer.faithfulness(observed, composite=composite, on_progress=on_progress)

    return _shared(("faithfulness", key(model), item.id, composite), "figures of faithfulness", prepare, instead_of)


def timeline(
    model: Inspector,
    item: Source,
    method: str,
    tpr: float,
    every: float,
    instead_of: BackgroundTask[Any] | None = None,
) -> BackgroundTask[Timeline]:
    """A video's frames, scored; ``every`` in seconds. Its name is left out, since others may have the same file."""

    def compute(on_progress: Progress) -> Timeline:
        video = Video(item.data, "video", digest=item.id)
        return score_video(video, model, method, tpr, Sampling(every=every), on_progress=on_progress)

    subject = ("timeline", key(model), item.id, method, f"{tpr}", f"{every}")
    return _shared(subject, "the timeline of a video", lambda: compute, instead_of)


def list_report(
    model: Inspector,
    store: Store,
    listed: Worklist,
    settings: ListSettings,
    mark: int,
    instead_of: BackgroundTask[Any] | None = None,
) -> BackgroundTask[CaseReport]:
    """The description of a worklist's report; ``mark`` differs where the list has changed since. A few are kept, since
    each holds the pictures of its pages."""

    def compute(on_progress: Progress) -> CaseReport:
        return describe_worklist(store, listed, model, settings, on_progress)

    subject = ("list report", str(store.url), f"{listed.id}", key(model), repr(settings), f"{mark}")
    return _shared(subject, "the report of a worklist", lambda: compute, instead_of, place=_report_place(subject))


@dataclass(slots=True)
class _Shared:
    """The task of one kind on one thing."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    task: BackgroundTask[Any] | None = None


def _shared(
    subject: tuple[str, ...],
    what: str,
    prepare: Callable[[], Callable[[Progress], Result]],
    instead_of: BackgroundTask[Any] | None,
    alone: Hashable | None = None,
    place: _Shared | None = None,
) -> BackgroundTask[Result]:
    place = place or _place(subject)
    with place.lock:
        if place.task is None or place.task is instead_of:
            place.task = BackgroundTask(what, prepare(), alone=alone or subject)  # not beside the one that it replaces
        return place.task


@st.cache_resource(max_entries=256, ttl=24 * HOUR, show_spinner=False)
def _place(subject: tuple[str, ...]) -> _Shared:
    return _Shared()


@st.cache_resource(max_entries=4, ttl=HOUR, show_spinner=False)
def _report_place(subject: tuple[str, ...]) -> _Shared:
    return _Shared()
