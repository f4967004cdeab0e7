"""Bytes of images → results as the store keeps them; what cannot be scored has its reason, and stops no other."""

import math
from collections.abc import Iterable
from dataclasses import replace

from nero_core.data.decode import Picture, decode_image, resize, to_batch
from nero_core.errors import ImageError, NeroError
from nero_core.inspector import Inspector
from nero_core.models.checkpoint import WEIGHTS
from nero_core.store import Result
from nero_core.types import Detection
from nero_core.version import __version__
from nero_core.worklist.duplicates import perceptual_hash
from nero_core.worklist.pictures import NO_NAME

Found = bytes | Picture | ImageError


def score_files(
    inspector: Inspector,
    files: Iterable[Found],
    method: str,
    tpr: float | None = None,
    borderline: float | None = None,
) -> list[Result]:
    """One result for each file, in their order.

    Args:
        inspector: of the bundle.
        files: the bytes or the picture of each, or why it cannot be had; taken one by one, so that only small pictures
            stay.
        method: a detector's name, or ``verdict``.
        tpr: share of ID images that should pass; the bundle's own where None.
        borderline: as for ``Inspector.detect``.

    Raises:
        NeroError: the method is unknown, or cannot score with this bundle at all.
    """
    inspector.reference_scores(method, tpr)  # what is wrong with the method is no image's fault
    decoded = [_decode(inspector, file) for file in files]
    readable = [picture for picture in decoded if isinstance(picture, Picture)]
    scored = iter(_score_each(inspector, readable, method, tpr, borderline))
    empty = _empty(inspector, method)
    return [next(scored) if isinstance(found, Picture) else replace(empty, error=found) for found in decoded]


def _decode(inspector: Inspector, file: Found) -> Picture | str:
    """A picture at the size of the classifier, or the sentence that says why there is none."""
    try:
        if isinstance(file, ImageError):
            raise file
        picture = file if isinstance(file, Picture) else decode_image(file, NO_NAME)
        return resize(picture, inspector.bundle.classifier.input_size)
    except ImageError as error:
        sentence = str(error).removeprefix(f"{NO_NAME}: ")
        return sentence[:1].upper() + sentence[1:]


def _score_each(
    inspector: Inspector, pictures: list[Picture], method: str, tpr: float | None, borderline: float | None
) -> list[Result]:
    """All in one forward pass; one by one where an image stops it."""
    if not pictures:
        return []
    try:
        return _score(inspector, pictures, method, tpr, borderline)
    except NeroError as error:
        if len(pictures) > 1:
            return [_score_each(inspector, [picture], method, tpr, borderline)[0] for picture in pictures]
        return [replace(_empty(inspector, method), error=str(error).replace(f"{NO_NAME}: ", ""))]


def _score(
    inspector: Inspector, pictures: list[Picture], method: str, tpr: float | None, borderline: float | None
) -> list[Result]:
    batch = to_batch(pictures, inspector.bundle.classifier.input_size)
    detection = inspector.detect(batch, (method,), tpr, borderline)[method]
    names, empty = inspector.bundle.card.class_names, _empty(inspector, method)
    return [
        _result(empty, detection, index, names[int(detection.predicted[index])], perceptual_hash(picture.pixels))
        for index, picture in enumerate(pictures)
    ]


def _result(empty: Result, detection: Detection, index: int, predicted: str, hashed: str) -> Result:
    score = float(detection.score[index])
    if not math.isfinite(score):  # NaN is above no threshold, and so would pass for ID
        return replace(empty, error=f"Expected a finite score. Found {score}. Check the image.")
    return replace(
        empty,
        error="",
        predicted=predicted,
        confidence=float(detection.confidence[index]),
        score=score,
        threshold=detection.threshold,
        p_value=float(detection.p_value[index]),
        verdict=detection.verdict(index),
        parts=detection.parts(index),
        perceptual_hash=hashed,
    )


def _empty(inspector: Inspector, method: str) -> Result:
    """A result without a score; the reason is put in afterwards."""
    bundle = inspector.bundle
    return Result(bundle.digest, bundle.card.files[WEIGHTS], __version__, method, error="Not scored.")
