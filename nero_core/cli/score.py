"""``nero score``."""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.json_lines import json_line
from nero_core.cli.options import Device, Seed
from nero_core.cli.progress import progress_bar

if TYPE_CHECKING:
    from nero_core.inspector import Inspector
    from nero_core.types import ImageBatch

BATCH = 32  # images a forward pass, and so the most in memory


def score(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, or folders of images at any depth.")],
    method: Annotated[list[str] | None, typer.Option(help="A detector; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    tpr: Annotated[float | None, typer.Option(help="Share of ID images to accept; the bundle's own otherwise.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score images; higher = more OOD. Exit status 1 when some files could not be read, 0 when all were."""
    import torch

    from nero_core.cli.score_table import ScoreTable
    from nero_core.inspector import Inspector

    torch.manual_seed(seed)
    inspector = Inspector.load(bundle, device)
    methods = tuple(dict.fromkeys(method or ["nero"]))
    for name in methods:  # an unknown method or acceptance is told before any image is read
        inspector.reference_scores(name, tpr)
    total = sum(1 for _ in image_paths(paths))
    done, failed = 0, 0
    table = ScoreTable()
    with progress_bar(show=not (as_json and sys.stdout.isatty())) as advance:
        for record in score_records(inspector, image_paths(paths), methods, tpr):
            failed += "error" in record
            done += record.get("method", methods[-1]) == methods[-1]
            if as_json:
                typer.echo(json_line(record))
            else:
                table.add(record)
            advance("scoring", done, total)
    if not as_json:
        table.print()
    if failed:
        raise typer.Exit(FAULT)


def score_records(
    inspector: "Inspector", paths: Iterable[Path], methods: tuple[str, ...], tpr: float | None
) -> Iterator[dict[str, Any]]:
    """One record for each file and method, in order; ``file, error`` for a file that cannot be read."""
    remaining = iter(paths)
    while part := list(islice(remaining, BATCH)):
        decoded = [_decode(inspector, path) for path in part]
        readable = [batch for batch in decoded if not isinstance(batch, str)]
        scored = iter(_score(inspector, readable, methods, tpr) if readable else ())
        for path, batch in zip(part, decoded, strict=True):
            if isinstance(batch, str):
                yield {"file": str(path), "error": batch}
            else:
                yield from ({"file": str(path), **record} for record in next(scored))


def image_paths(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given; of folders every image file at any depth, sorted, hidden ones and links to folders left out."""
    from nero_core.data.decode import SUFFIXES

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        empty = True
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                    empty = False
                    yield Path(folder) / name
        if empty:
            yield path  # told as an error, so that an empty folder is not a silent success


def _decode(inspector: "Inspector", path: Path) -> "ImageBatch | str":
    """One image, or the message that says why it cannot be read."""
    from nero_core.errors import ImageError

    if path.is_dir():
        return f"{path.name}: expected a folder with images; found none in it. Check the path."
    try:
        return inspector.decode([path])
    except ImageError as error:
        return str(error)


def _score(
    inspector: "Inspector", readable: "list[ImageBatch]", methods: tuple[str, ...], tpr: float | None
) -> Iterator[list[dict[str, Any]]]:
    """For each image, one record a method."""
    import torch

    from nero_core.types import ImageBatch

    batch = ImageBatch(
        pixels=torch.cat([one.pixels for one in readable]),
        ids=tuple(one.ids[0] for one in readable),
        names=tuple(one.names[0] for one in readable),
    )
    detections = inspector.detect(batch, methods, tpr)
    names = inspector.bundle.card.class_names
    for index, digest in enumerate(batch.ids):
        yield [
            {
                "sha256": digest,
                "predicted": names[int(detection.predicted[index])],
                "confidence": float(detection.confidence[index]),
                "method": name,
                "score": float(detection.score[index]),
                "threshold": detection.threshold,
                "is_ood": bool(detection.is_ood[index]),
                "p_value": float(detection.p_value[index]),
            }
            for name, detection in detections.items()
        ]
