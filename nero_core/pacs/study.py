"""A study of the PACS: fetched one instance at a time, scored, and answered."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8
from pydicom import dcmwrite
from pydicom.dataset import Dataset

from nero_core.data import Picture, decode_frames
from nero_core.errors import ImageError
from nero_core.figures import render
from nero_core.inspector import Inspector
from nero_core.models.checkpoint import WEIGHTS
from nero_core.pacs.archive import Archive
from nero_core.pacs.picture_only import picture_only
from nero_core.pacs.results import ImageResult, ResultContext, has_pixels, is_own, without_pixels
from nero_core.pacs.secondary_capture import secondary_capture
from nero_core.version import __version__

WHAT = "Where the image is unlike the reference images"


@dataclass(frozen=True, slots=True)
class Scored:
    """One instance and what was found.

    Attributes:
        results: of each frame.
        map: the frame that is least like the reference images, with the map on it; None where the bundle has no map.
        mapped: the result that the map belongs to.
    """

    results: tuple[ImageResult, ...]
    map: UInt8[np.ndarray, "height width 3"] | None = field(repr=False)
    mapped: ImageResult


def images(
    archive: Archive, study: str, on_skipped: Callable[[str], object] = lambda reason: None
) -> Iterator[Dataset]:
    """The images of a study, one in memory at a time; ``on_skipped`` hears why an instance is none.

    Raises:
        PacsError: no such study, or the PACS does not answer.
    """
    for instance in list(archive.instances(study)):  # listed before answers join the study, and move its pages
        dataset = archive.fetch(instance)
        if is_own(dataset):
            on_skipped("a result that was sent before")
        elif not has_pixels(dataset):
            on_skipped("no image")
        else:
            yield dataset


def as_file(dataset: Dataset) -> bytes:
    """The instance as the bytes of a file."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def score_instance(inspector: Inspector, dataset: Dataset, method: str, tpr: float | None, name: str) -> Scored:
    """Score each frame of one instance.

    Args:
        inspector: with a bundle.
        dataset: the instance.
        method: of ``DETECTORS``, or ``verdict``.
        tpr: share of ID images that should pass; the bundle's own where None.
        name: what errors call it.

    Raises:
        ImageError: it cannot be decoded.
        NeroError: it cannot be scored.
    """
    header, results = without_pixels(dataset), list[ImageResult]()
    least: tuple[ImageResult, Picture] | None = None
    for number, picture in enumerate(decode_frames(as_file(picture_only(dataset)), name), start=1):
        frame = number if "#frame " in picture.name else None
        result = _result(inspector, header, picture, frame, method, tpr)
        results.append(result)
        if least is None or result.p_value < least[0].p_value:
            least = result, picture
    if least is None:
        raise ImageError(f"{name}: expected at least one frame; found none. Fetch it again.")
    return Scored(tuple(results), map_of(inspector, least[1]), least[0])


def capture_of(scored: Scored, context: ResultContext, number: int) -> Dataset | None:
    """The map as a Secondary Capture, the ``number``-th of its series; None where there is no map."""
    if scored.map is None:
        return None
    return secondary_capture(scored.map, WHAT, scored.mapped, context, number)


def context_of(inspector: Inspector, tpr: float | None) -> ResultContext:
    """Bundle and model, with their digests."""
    bundle = inspector.bundle
    return ResultContext(
        bundle=bundle.card.title,
        bundle_digest=bundle.digest,
        model=bundle.card.model.arch,
        model_digest=bundle.card.files.get(WEIGHTS, ""),
        version=__version__,
        tpr=bundle.card.tpr if tpr is None else tpr,
    )


def _result(
    inspector: Inspector, header: Dataset, picture: Picture, frame: int | None, method: str, tpr: float | None
) -> ImageResult:
    detection = inspector.detect(inspector.decode([picture]), (method,), tpr)[method]
    return ImageResult(
        source=header,
        frame=frame,
        method=method,
        score=float(detection.score[0]),
        threshold=detection.threshold,
        p_value=float(detection.p_value[0]),
        verdict=detection.verdict(0),
        predicted=inspector.bundle.card.class_names[int(detection.predicted[0])],
        confidence=float(detection.confidence[0]),
    )


def map_of(inspector: Inspector, picture: Picture) -> UInt8[np.ndarray, "height width 3"] | None:
    """Where a picture is unlike, on the picture; None where the bundle has no map."""
    if inspector.no_unlikeness_because:
        return None
    unlike = inspector.unlikeness(inspector.decode([picture]))
    heatmap = render.smooth(unlike.heatmap, unlike.sigma)
    return render.overlay(render.fit_within(picture.pixels), heatmap, limit=unlike.limit, kind="positive")
