"""``nero score``."""

import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.json_lines import json_line
from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Borderline, ByClass, Device, Seed, Tpr
from nero_core.cli.progress import progress_bar

if TYPE_CHECKING:
    from nero_core.data.left_out import LeftOut, Tell
    from nero_core.inspector import Inspector
    from nero_core.types import Detection, ImageBatch

    Detect = Callable[[ImageBatch], dict[str, Detection]]

BATCH = 32  # images a forward pass, and so the most in memory


def score(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, or folders of images at any depth.")],
    method: Annotated[
        list[str] | None, typer.Option(help="verdict, the default, or a detector; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    tpr: Tpr = None,
    borderline: Borderline = None,
    by_class: ByClass = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score images; higher = more OOD. Exit status 1 when some files could not be scored, 0 when all were."""
    import torch

    from nero_core.calibration.threshold import check_borderline
    from nero_core.cli.score_table import ScoreTable
    from nero_core.inspector import Inspector

    torch.manual_seed(seed)
    inspector = Inspector.load(bundle, device)
    methods = tuple(dict.fromkeys(method or [inspector.default_method(tpr)]))
    reason = "" if method else inspector.no_verdict_because(tpr)
    if reason:
        typer.echo(f"{reason} Scored by {methods[0]} instead.", err=True)
    for name in methods:  # an unknown method or tpr is an error before any image is read
        inspector.reference_scores(name, tpr)
    check_borderline(borderline, inspector.bundle.card.tpr if tpr is None else tpr)
    detect = partial(inspector.detect, methods=methods, tpr=tpr, borderline=borderline, by_class=by_class)
    left_out: list[LeftOut] = []
    total = sum(map(images_in, image_paths(paths, left_out.append)))
    done, failed = 0, 0
    table = ScoreTable()
    with progress_bar(show=not (as_json and sys.stdout.isatty())) as advance:
        for record in score_records(inspector, image_paths(paths), detect, table.note):
            failed += "error" in record
            done += record.get("method", methods[-1]) == methods[-1]
            if as_json:
                typer.echo(json_line(record))
            else:
                table.add(record)
            advance("scoring", done, total)
    if not as_json:
        table.print()
    for of_folder in left_out:
        tell_left_out(of_folder)
    if failed:
        raise typer.Exit(FAULT)


def score_records(
    inspector: "Inspector",
    paths: Iterable[Path],
    detect: "Detect",
    on_note: Callable[[str, str], None] = lambda file, note: None,
) -> Iterator[dict[str, Any]]:
    """One record for each image and method, in order; ``file, error`` for a file that cannot be read or scored.

    ``detect`` answers for a batch, by method. The frames of a DICOM file are images of their own,
    ``scan.dcm#frame 3``. ``on_note`` gets the file and what decoding it did that a reader should know, where
    there is such a thing.
    """
    remaining = (image for path in paths for image in _decoded(inspector, path))
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


def image_paths(paths: Iterable[Path], on_left_out: "Tell | None" = None) -> Iterator[Path]:
    """Files as given; of folders every image file at any depth, as ``read_folder`` finds them.

    A folder that is empty or cannot be read is given itself, to be told as an error, not skipped in silence.
    ``on_left_out`` is told what a folder holds that is not read.
    """
    from nero_core.data.decode import file_name
    from nero_core.data.left_out import Tally
    from nero_core.data.walk import images_below, split_entries

    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises on a name that is too long
            yield path
            continue
        inside, tally, count = path.resolve(), Tally(), 0
        loose, folders = split_entries(path, inside, tally)
        for image in chain(loose, *(images_below(folder, inside, tally) for folder in folders)):
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
    from nero_core.data.frames import frames_in

    return 1 if os.path.isdir(path) else frames_in(path)  # noqa: PTH112  as above


def _decoded(inspector: "Inspector", path: Path) -> "Iterator[tuple[str, ImageBatch | str]]":
    """The images of one file by their names, or the message that says why it cannot be read, or not to its end."""
    from nero_core.data.frames import decode_frames
    from nero_core.errors import ImageError

    if os.path.isdir(path):  # noqa: PTH112  as above
        yield str(path), f"{path.name}: expected a folder with images; found {_empty(path)}. Check the path."
        return
    try:
        for picture in decode_frames(path):
            frame = picture.name.rpartition("#")[2] if "#frame " in picture.name else ""
            is_named = not frame or str(path).endswith(f"#{frame}")
            yield str(path) if is_named else f"{path}#{frame}", inspector.decode([picture])
    except ImageError as error:
        yield str(path), str(error)


def _empty(folder: Path) -> str:
    try:
        with os.scandir(folder):
            return "none in it"
    except OSError as error:
        return f"one that cannot be read ({(error.strerror or 'unknown').lower()})"


def _score_each(inspector: "Inspector", readable: "list[ImageBatch]", detect: "Detect") -> list[list[dict[str, Any]]]:
    """As ``_score``; an image that cannot be scored has one record, the error, and does not stop the others."""
    from nero_core.errors import NeroError

    try:
        return list(_score(inspector, readable, detect))
    except NeroError as error:
        if len(readable) > 1:
            return [_score_each(inspector, [batch], detect)[0] for batch in readable]
        return [[{"error": f"{readable[0].names[0]}: {error}"}]]


def _score(inspector: "Inspector", readable: "list[ImageBatch]", detect: "Detect") -> Iterator[list[dict[str, Any]]]:
    """For each image, one record a method.

    Raises:
        NeroError: an image has features or a score that are not finite.
    """
    import torch

    from nero_core.errors import CalibrationError
    from nero_core.figures import sentence
    from nero_core.types import ImageBatch

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
