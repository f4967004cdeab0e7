"""``nero benchmark``."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Device, Seed, listed
from nero_core.cli.progress import ProgressFile, progress_bar
from nero_core.cli.scale import Address, EngineOption, WorkerCores, Workers, engine_of, own_device
from nero_core.cli.temporary import temporary_folder
from nero_core.cli.terminal import printable


def benchmark(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    id_images: Annotated[
        Path | None,
        typer.Option("--id", help="ID images, one subfolder a class, or a .zip; the calibration bank otherwise."),
    ] = None,
    ood: Annotated[
        Path | None, typer.Option(help="OOD images, one subfolder a class, or a .zip; the OOD bank otherwise.")
    ] = None,
    lists: Annotated[
        Path | None,
        typer.Option(help="In place of --id and --ood: a folder of image lists (test_*.txt) as OpenMIBOOD has them."),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder that the paths of the lists begin in.")] = None,
    methods: Annotated[
        list[str] | None, typer.Option(help="all, or names separated by commas; the option may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; BUNDLE-benchmark here otherwise.")] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Keep the figures in the bundle, where the page reads them: of its own images, all methods."
        ),
    ] = False,
    seed: Seed = 0,
    replicates: Annotated[int, typer.Option(min=100, max=10_000, help="Resamples behind each interval.")] = 1000,
    progress: ProgressFile = None,
    device: Device = "auto",
    engine: EngineOption = "process",
    address: Address = None,
    workers: Workers = None,
    worker_cores: WorkerCores = 1,
) -> None:
    """Compare every method on the same images, with intervals: a table, CSV, JSON, Markdown and one HTML page.

    Killed at any moment, the same command goes on from what it has observed so far (OUT/cache).
    """
    import torch

    from nero_core.errors import NeroError

    names = listed(methods)
    names = None if names is None or "all" in names else names
    others = [given for given in (id_images, ood, lists, data, names) if given is not None]
    if keep and others:
        raise NeroError(
            f"Expected --keep with all methods on the bundle's own images. Found {printable(str(others[0]))} besides. "
            "Leave one out."
        )
    with progress_bar(file=progress) as advance, temporary_folder(), ExitStack() as stack:
        from nero_core.benchmark import add_comparison
        from nero_core.benchmark.run import default_out, run_benchmark
        from nero_core.cli.benchmark_table import print_result
        from nero_core.report import write_reports

        torch.manual_seed(seed)
        folder = default_out(bundle) if out is None else out
        ahead, here = None, own_device(engine, device)
        if engine == "ray":
            from nero_core.scale import FillOn

            cluster = stack.enter_context(engine_of(engine, address, workers, worker_cores, device))
            ahead = FillOn(cluster, str(bundle.absolute()))
        result = run_benchmark(
            bundle,
            id_images,
            ood,
            folder,
            lists=lists,
            data=data,
            methods=names,
            seed=seed,
            replicates=replicates,
            device=here,
            ahead=ahead,
            on_progress=advance,
            on_left_out=tell_left_out,
        )
        if keep:
            add_comparison(bundle, result, device=here)
        page = write_reports(result, folder)[-1]
    print_result(result)
    typer.echo(f"Page: {printable(str(page))}")
