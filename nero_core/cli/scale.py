"""Options of ``--engine ray``, and ``nero score --out``: into a folder of Parquet parts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.left_out import tell_left_out
from nero_core.cli.progress import progress_bar
from nero_core.cli.terminal import printable
from nero_core.errors import NeroError

if TYPE_CHECKING:
    from nero_core.scale import Engine, PartSettings
    from nero_core.scale.scorer import Answer

EngineName = Literal["process", "ray"]
EngineOption = Annotated[
    EngineName, typer.Option("--engine", help="process: in this one. ray: on workers of Ray (pip install …[scale]).")
]
Address = Annotated[
    str | None,
    typer.Option(envvar="RAY_ADDRESS", help="host:port or auto of a Ray cluster; a Ray on this machine otherwise."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Workers of Ray; one for each GPU, or for each core without one, otherwise.")
]
WorkerCores = Annotated[int, typer.Option(min=1, help="Cores of each worker of Ray, which decode beside its GPU.")]


@contextmanager
def engine_of(
    name: EngineName, address: str | None, workers: int | None, cores: int, device: str
) -> "Iterator[Engine]":
    """What runs the units.

    Raises:
        NeroError: Ray is not installed, does not answer, or lacks room.
    """
    from nero_core.scale import OneProcess, open_cluster

    if name == "process":
        yield OneProcess(device)
        return
    with open_cluster(address, workers, device, cores) as cluster:
        yield cluster


def own_device(engine: EngineName, device: str) -> str:
    """Where the command itself computes: what it fits does not need the device of its workers."""
    return "auto" if engine == "ray" and device == "cuda" else device


def score_parts(
    bundle: Path,
    paths: list[Path],
    out: Path,
    settings: "PartSettings",
    engine: "Engine",
    column: str | None,
    size: int,
    again: bool,
) -> None:
    """Score into a folder of parts, and say what stands there.

    Raises:
        typer.Exit: with status 1, where some images could not be scored.
    """
    from nero_core.scale import score_into_parts

    with progress_bar() as advance:

        def tell(answer: "Answer", done: int, total: int) -> None:
            advance("scoring parts", done, total)

        scored = score_into_parts(
            bundle,
            paths,
            out,
            settings,
            engine,
            column=column,
            size=size,
            again=again,
            on_answer=tell,
            on_left_out=tell_left_out,
        )
    typer.echo(f"{scored.images} images scored, {scored.new} of them now: {printable(str(out))}")
    if scored.failed:
        typer.echo(f"{scored.failed} could not be scored: {printable(str(scored.errors))}", err=True)
        raise typer.Exit(FAULT)


def check_parts(out: Path | None, engine: EngineName, as_json: bool, methods: tuple[str, ...]) -> None:
    """See that the options suit one another.

    Raises:
        NeroError: they do not.
    """
    if out is None and engine == "ray":
        raise NeroError("Expected --out with --engine ray. Found none. Name a folder, which all workers see.")
    if out is not None and as_json:
        raise NeroError("Expected --json or --out. Found both. Leave one out: the parts are Parquet.")
    if out is not None and len(methods) > 1:
        raise NeroError(
            f"Expected one method with --out, since each image has one row. Found {', '.join(methods)}. "
            "Give each an --out of its own."
        )
