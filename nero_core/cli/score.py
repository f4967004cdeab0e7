"""``nero score``."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.json_lines import json_line
from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Borderline, ByClass, Device, Seed, Tpr
from nero_core.cli.progress import progress_bar
from nero_core.cli.scale import Address, EngineOption, WorkerCores, Workers, check_parts, engine_of, score_parts
from nero_core.version import __version__

if TYPE_CHECKING:
    from nero_core.data.left_out import LeftOut


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
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of Parquet parts, one row an image, in place of a table; PATH may then be .tar (WebDataset) "
            "and .parquet shards too. The same command goes on where it stood."
        ),
    ] = None,
    engine: EngineOption = "process",
    address: Address = None,
    workers: Workers = None,
    worker_cores: WorkerCores = 1,
    part_size: Annotated[int, typer.Option(min=1, help="Files a part.")] = 256,
    image_column: Annotated[
        str | None, typer.Option(help="Column of the images' bytes in Parquet shards, where there are several.")
    ] = None,
    retry_errors: Annotated[bool, typer.Option("--retry-errors", help="Score parts that hold errors again.")] = False,
) -> None:
    """Score images; higher = more OOD. Exit status 1 when some files could not be scored, 0 when all were."""
    import torch

    from nero_core.calibration.threshold import check_borderline
    from nero_core.cli.score_table import ScoreTable
    from nero_core.inspector import Inspector
    from nero_core.score_images import image_paths, images_in, score_records

    check_parts(out, engine, as_json, tuple(method or ()))
    torch.manual_seed(seed)
    inspector = Inspector.load(bundle, "cpu" if engine == "ray" else device)
    methods = tuple(dict.fromkeys(method or [inspector.default_method(tpr)]))
    reason = "" if method else inspector.no_verdict_because(tpr)
    if reason:
        typer.echo(f"{reason} Scored by {methods[0]} instead.", err=True)
    for name in methods:  # an unknown method or tpr is an error before any image is read
        inspector.reference_scores(name, tpr)
    check_borderline(borderline, inspector.bundle.card.tpr if tpr is None else tpr)
    if out is not None:
        from nero_core.scale import PartSettings

        card = inspector.bundle.card
        settings = PartSettings(
            inspector.bundle.digest, __version__, methods[0], tpr or card.tpr, borderline, by_class, seed
        )
        with engine_of(engine, address, workers, worker_cores, device) as chosen:
            score_parts(bundle, paths, out, settings, chosen, image_column, part_size, retry_errors)
        return
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
