"""Files → one record for each image and method; what cannot be scored has its reason, and stops no other."""

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

from nero_core.data.decode import file_name
from nero_core.data.frames import decode_frames, frames_in
from nero_core.data.left_out import Tally, Tell
from nero_core.data.limits import SUFFIXES
from nero_core.data.walk import images_below, split_entries
from nero_core.errors import CalibrationError, ImageError, NeroError
from nero_core.figures import sentence
from nero_core.inspector import Inspector
from nero_core.types import Detection, ImageBatch

Detect = Callable[[ImageBatch], dict[str, Detection]]
Decoded = tuple[str, ImageBatch | str]  # the name of an image, and the image or why there is none

BATCH = 32  # images a forward pass, and so the most in memory


def score_records(
    inspector: Inspector,
    paths: Iterable[Path],
    detect: Detect,
    on_note: Callable[[str, str], None] = lambda file, note: None,
) -> Iterator[dict[str, Any]]:
    """One record for each image and method, in order; ``file, error`` for a file that cannot be read or scored.

    ``detect`` answers for a batch, by method. The frames of a DICOM file are images of their own,
    ``scan.dcm#frame 3``. ``on_note`` gets the file and what decoding it did that a reader should know, where
    there is such a thing.
    """
    images = (image for path in paths for image in decoded(inspector, str(path), path))
    return score_decoded(inspector, images, detect, on_note)


def score_decoded(
    inspector: Inspector,
    images: Iterable[Decoded],
    detect: Detect,
    on_note: Callable[[str, str], None] = lambda file, note: None,
) -> Iterator[dict[str, Any]]:
    """The same for images that come decoded, one at a time."""
    remaining = iter(images)
    while part := list(islice(remaining, BATCH)):
        readable = [batch for _, batch in part if not isinstance(batch, str)]
        scored = iter(_score_each(inspector, readable, detect) if readable else ())
        for file, batch in part:
            if isinstance(batch, str):
                yield {"file": file, "error": batch}
            else:
                if any(batch.notes):
                    on_note(file, batch.notes[0])
                yield from ({"file": file, **record} for record in next(scored))


def image_paths(
    paths: Iterable[Path], on_left_out: Tell | None = None, suffixes: Collection[str] = SUFFIXES
) -> Iterator[Path]:
    """Files as given; of folders every image file at any depth, as ``read_folder`` finds them.

    A folder that is empty or cannot be read is given itself, to be told as an error, not skipped in silence.
    ``on_left_out`` is told what a folder holds that is not read; ``suffixes`` are those of the files that are.
    """
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises on a name that is too long
            yield path
            continue
        inside, tally, count = path.resolve(), Tally(), 0
        loose, folders = split_entries(path, inside, tally, suffixes)
        for image in chain(loose, *(images_below(folder, inside, tally, suffixes) for folder in folders)):
            count += 1
            yield image
        yield from dict.fromkeys(folder for folder, _ in tally.closed)
        if not count and not tally.closed:
            yield path
        left_out = tally.record(file_name(str(path)), count)
        if on_left_out is not None and left_out.reasons:
            on_left_out(left_out)


def images_in(path: Path) -> int:
    """How many images a file is, without decoding it."""
    return 1 if os.path.isdir(path) else frames_in(path)  # noqa: PTH112  as above


def decoded(inspector: Inspector, file: str, source: Path | bytes) -> Iterator[Decoded]:
    """The images of one file by their names, or the message that says why it cannot be read, or not to its end.

    Args:
        inspector: whose input size they get.
        file: what the file is called; a frame's number follows it.
        source: its path or its bytes.
    """
    if isinstance(source, Path) and os.path.isdir(source):  # noqa: PTH112  as above
        yield file, no_images_in(source)
        return
    try:
        for picture in decode_frames(source, file if isinstance(source, bytes) else None):
            frame = picture.name.rpartition("#")[2] if "#frame " in picture.name else ""
            is_named = not frame or file.endswith(f"#{frame}")
            yield file if is_named else f"{file}#{frame}", inspector.decode([picture])
    except ImageError as error:
        yield file, str(error)


def no_images_in(folder: Path) -> str:
    """What is said of a folder that is empty or cannot be read."""
    try:
        with os.scandir(folder):
            actual = "none in it"
    except OSError as error:
        actual = f"one that cannot be read ({(error.strerror or 'unknown').lower()})"
    return f"{folder.name}: expected a folder with images; found {actual}. Check the path."


def _score_each(inspector: Inspector, readable: list[ImageBatch], detect: Detect) -> list[list[dict[str, Any]]]:
    """As ``_score``; an image that cannot be scored has one record, the error, and does not stop the others."""
    try:
        return list(_score(inspector, readable, detect))
    except NeroError as error:
        if len(readable) > 1:
            return [_score_each(inspector, [batch], detect)[0] for batch in readable]
        return [[{"error": f"{readable[0].names[0]}: {error}"}]]


def _score(inspector: Inspector, readable: list[ImageBatch], detect: Detect) -> Iterator[list[dict[str, Any]]]:
    """For each image, one record a method.

    Raises:
        NeroError: an image has features or a score that are not finite.
    """
    batch = ImageBatch(
        pixels=torch.cat([batch.pixels for batch in readable]),
        ids=tuple(batch.ids[0] for batch in readable),
        names=tuple(batch.names[0] for batch in readable),
    )
    detections = detect(batch)
    for name, detection in detections.items():
        for value in detection.score.tolist():
            if not math.isfinite(value):  # NaN is above no threshold, and so would pass for ID
                raise CalibrationError(f"Expected a finite score of {name}. Found {value}. Check the image.")
    names = inspector.bundle.card.class_names
    for index, digest in enumerate(batch.ids):
        yield [
            {
                "sha256": digest,
                "predicted": names[int(detection.predicted[index])],
                "confidence": float(detection.confidence[index]),
                "method": name,
                "score": float(detection.score[index]),
                "threshold": detection.limits(index).threshold,
                "is_ood": bool(detection.is_ood[index]),
                "verdict": detection.verdict(index),
                "p_value": float(detection.p_value[index]),
                "smallest_p": detection.limits(index).smallest_p,
                "as_high": detection.as_high(index),
                "calibration_size": detection.limits(index).calibration_size,
                "by_class": detection.by_class is not None,
                "tpr": detection.tpr,
                "borderline": detection.like_rate,
                "sentence": sentence(detection, index, names),
                **({"parts": parts} if (parts := detection.parts(index)) else {}),
            }
            for name, detection in detections.items()
        ]
