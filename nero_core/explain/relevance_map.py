"""Relevance vectors in the plane: PCA or UMAP, and the nearest of them to one image."""

import importlib
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.components import scatter_spectrum
from nero_core.device import float64
from nero_core.errors import BusyError, RelevanceError
from nero_core.process_wide import PROCESS_WIDE

Kind = Literal["pca", "umap"]
Progress = Callable[[int, int], None]

MINIMUM_FOR_UMAP = 5  # images: below, neighbourhoods are the whole set and the map says nothing
_NEIGHBOURS = 15  # of a point in UMAP's graph; the default of McInnes et al.
# Numba's kernels may not run in two threads at once, whichever map they work for: the process would be ended.
_UMAP_RUNS = threading.Lock()


@runtime_checkable
class Placing(Protocol):
    """Where further rows lie on a map."""

    def __call__(
        self, further: Float[Tensor, "batch dimensions"], patience: float | None = None
    ) -> Float[Tensor, "batch 2"]:
        """``patience``: seconds to wait while UMAP lays out another map; to its end where None.

        Raises:
            RelevanceError: a row is not finite.
            BusyError: UMAP lays out another map, and the patience is over.
        """


@dataclass(frozen=True, slots=True)
class Layout:
    """Points in the plane, and the way there for a further one.

    Attributes:
        coordinates: one point a row of what was laid out, no unit.
        explained: share of the variance that the two axes keep; nan for UMAP.
        place: where further rows lie on this map.
    """

    coordinates: Float[Tensor, "images 2"]
    explained: float
    place: Placing


def lay_out(
    points: Float[Tensor, "images dimensions"], kind: Kind, seed: int = 0, on_progress: Progress | None = None
) -> Layout:
    """Relevance vectors in the plane.

    Args:
        points: relevance vectors in NERO's projected space, P(r). Its PCA is that of r itself, and L1 distances in it
            are those of the NERO score.
        kind: ``pca``: the two directions of largest variance, exact. ``umap``: neighbourhoods by L1 distance; only who
            is near whom means something, not how far groups lie apart.
        seed: of UMAP's optimisation; the same seed gives the same map.
        on_progress: called with UMAP's epochs that are done and those in all, and with (0, 0) before they are counted:
            the first time in a process its kernels are compiled until then. What it raises ends the work and comes
            through. PCA takes no time and does not call it.

    Raises:
        RelevanceError: the points are not finite or all alike, or too few for UMAP, or ``kind`` is none of the two.

    Reference:
        McInnes et al., UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction, 2018.
    """
    if kind not in get_args(Kind):
        raise RelevanceError(f"Expected a map by {' or '.join(get_args(Kind))}. Found {kind!r}. Choose one of these.")
    check_points(points)
    if bool((points == points[:1]).all()):
        raise RelevanceError(
            f"Expected relevance that differs between images. Found {len(points)} equal vectors: there is nothing to "
            "lay out. Choose a reference set whose classifier has learned something."
        )
    return _pca(float64(points)) if kind == "pca" else _umap(float64(points), seed, on_progress)


def nearest_images(
    point: Float[Tensor, " dimensions"], points: Float[Tensor, "images dimensions"], count: int
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Rows of ``points`` with the smallest L1 distance to ``point``, nearest first, and the distances.

    In NERO's projected space this is ``‖P(r) − P(r')‖₁``, the distance of its score. ``count`` above the number of rows
    gives all of them.

    Raises:
        RelevanceError: a vector is not finite.
    """
    check_points(point[None])
    distances = (points - point).abs().sum(dim=1)
    order = distances.argsort(stable=True)[:count].tolist()
    return tuple(order), tuple(float(distances[row]) for row in order)


def check_points(points: Float[Tensor, "images dimensions"]) -> None:
    """Raise RelevanceError unless every vector is finite."""
    if not bool(points.isfinite().all()):
        raise RelevanceError(
            "Expected finite relevance. Found NaN or infinity: a logit of an image is too near 0. Choose another image."
        )


@contextmanager
def acquired(lock: threading.Lock, patience: float | None = None) -> Iterator[None]:
    """Inside, the lock of what UMAP uses is held. Raises BusyError where somebody else has it for longer than that."""
    if not lock.acquire(timeout=-1 if patience is None else patience):
        raise BusyError(
            "Expected to find an image's place on the map by UMAP. Found another map that is being laid out, which can "
            "take minutes, and one alone can be at a time. Look again in a while, or choose PCA."
        )
    try:
        yield
    finally:
        lock.release()


def _pca(points: Tensor) -> Layout:
    mean = points.mean(dim=0)
    values, vectors = scatter_spectrum(points - mean)
    axes = vectors[:, :2]
    # An eigenvector's sign is free. The points decide it, whatever the signs of what they are coordinates of.
    skew = ((points - mean) @ axes).pow(3).sum(dim=0)
    axes = axes * torch.where(skew < 0, -1.0, 1.0)
    axes = torch.nn.functional.pad(axes, (0, 2 - axes.shape[1]))  # points on a line have one axis

    def place(further: Tensor, patience: float | None = None) -> Tensor:
        check_points(further)
        return (float64(further) - mean) @ axes

    return Layout(place(points), float(values[:2].sum() / values.sum()), place)


@contextmanager
def _umap_run(patience: float | None = None) -> Iterator[None]:
    """One run of UMAP at a time. Numba sets OpenMP's number of threads, which is PyTorch's too: it comes back."""
    with acquired(_UMAP_RUNS, patience):
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _told_of_epochs(on_progress: Progress | None) -> Iterator[None]:
    """Inside, umap-learn's loop over its epochs tells of each; only in ``_umap_run``, since it is one for the process.

    Its own ``tqdm_kwds`` would do to tell, but not to stop: tqdm keeps its lock for ever when its output raises.
    """
    if on_progress is None:
        yield
        return
    layouts: Any = importlib.import_module("umap.layouts")
    tqdm = layouts.tqdm

    def epochs(numbers: range, **_: object) -> Iterator[int]:
        for number in numbers:
            on_progress(number, len(numbers))
            yield number
        on_progress(len(numbers), len(numbers))

    layouts.tqdm = epochs
    try:
        yield
    finally:
        layouts.tqdm = tqdm


def _umap(points: Tensor, seed: int, on_progress: Progress | None) -> Layout:
    if len(points) < MINIMUM_FOR_UMAP:
        raise RelevanceError(
            f"Expected at least {MINIMUM_FOR_UMAP} ID images for UMAP. Found {len(points)}. Choose PCA for so few."
        )
    padded = torch.nn.functional.pad(points, (0, max(0, 2 - points.shape[1])))
    unknown = on_progress or (lambda done, total: None)
    with _umap_run():
        unknown(0, 0)  # who was stopped while another map was made ends here
        # Numba takes seconds to import and to compile: only who asks for UMAP waits.
        with PROCESS_WIDE, warnings.catch_warnings():
            # Of a missing TensorFlow, and, where numba compiles for the first time, of functions it cannot cache.
            warnings.simplefilter("ignore")
            reducer_class = importlib.import_module("umap").UMAP
        unknown(0, 0)
        reducer = reducer_class(
            n_components=2,
            n_neighbors=min(_NEIGHBOURS, len(points) - 1),
            metric="manhattan",
            init="pca",  # the spectral start is not defined for a graph in several parts
            random_state=seed,
            n_jobs=1,  # what a seed asks for
        )
        with _told_of_epochs(on_progress):
            laid = float64(torch.from_numpy(reducer.fit_transform(padded.numpy())))
    if not bool(laid.isfinite().all()):
        raise RelevanceError(
            "Expected a point for every image. Found some without neighbours, which UMAP cannot place. Choose PCA."
        )

    def place(further: Tensor, patience: float | None = None) -> Tensor:
        check_points(further)
        with _umap_run(patience):
            rows = torch.nn.functional.pad(float64(further), (0, padded.shape[1] - further.shape[1]))
            return float64(torch.from_numpy(reducer.transform(rows.numpy())))

    return Layout(laid, float("nan"), place)
