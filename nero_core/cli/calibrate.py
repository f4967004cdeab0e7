"""``nero calibrate``."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Device, Seed, check_tpr
from nero_core.cli.progress import ProgressFile, progress_bar
from nero_core.cli.scale import Address, EngineOption, WorkerCores, Workers, engine_of, own_device
from nero_core.cli.temporary import temporary_folder


def calibrate(
    checkpoint: Annotated[
        Path, typer.Argument(help="Checkpoint folder, made by nero train or nero import-checkpoint.")
    ],
    data: Annotated[
        Path, typer.Argument(help="ID images, one subfolder a class, none of them trained on; a folder or a .zip.")
    ],
    out: Annotated[Path, typer.Option(help="Bundle folder to write.")],
    ood: Annotated[Path | None, typer.Option(help="OOD images for the histogram, likewise.")] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            help="Held-out images for the figures on the card: ID and OOD class folders together (not prepare's test "
            "folder)."
        ),
    ] = None,
    tpr: Annotated[
        float, typer.Option(callback=check_tpr, help="Share of ID images that should pass, from 0.5 to below 1.")
    ] = 0.95,
    half: Annotated[bool, typer.Option("--half", help="Store weights as float16.")] = False,
    half_features: Annotated[
        bool, typer.Option("--half-features", help="Round features to float16 and store them so.")
    ] = False,
    seed: Seed = 0,
    allow_reduced_rank: Annotated[
        bool, typer.Option("--allow-reduced-rank", help="Go on with fewer fit images than PCA components.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Name for the screen.")] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Say that the images are drawn.")] = False,
    note: Annotated[list[str] | None, typer.Option(help="A sentence for the card; may be repeated.")] = None,
    no_references: Annotated[
        bool,
        typer.Option(
            "--no-references",
            help="Keep no reference images with heatmaps: minutes less without a GPU, and some 1 MB.",
        ),
    ] = False,
    no_patches: Annotated[
        bool,
        typer.Option("--no-patches", help="Keep no patches, which show where an image is unlike: some 2 MB less."),
    ] = False,
    no_comparison: Annotated[
        bool,
        typer.Option(
            "--no-comparison", help="Do not compare all methods on the set's own images: seconds to minutes less."
        ),
    ] = False,
    no_quiz_images: Annotated[
        bool,
        typer.Option(
            "--no-quiz-images", help="Keep no small pictures of calibration and OOD images, which the quiz shows."
        ),
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default="20000",
            help="Images of each part to keep where there are more fit images than that: NERO's methods are fitted on "
            "all, with memory that does not grow, and the rest on these.",
        ),
    ] = None,
    device: Device = "auto",
    engine: EngineOption = "process",
    address: Address = None,
    workers: Workers = None,
    worker_cores: WorkerCores = 1,
    progress: ProgressFile = None,
) -> None:
    """Fit the detectors on ID images, set their thresholds, and write a bundle.

    With OOD images, all methods are compared on them, and the figures are kept in the bundle.
    """
    from nero_core.benchmark import add_comparison
    from nero_core.calibration import calibrate as run
    from nero_core.calibration.calibrate import QUIZ_IMAGES
    from nero_core.calibration.references import REFERENCES
    from nero_core.calibration.sample import SAMPLE
    from nero_core.data.archive import unpacked
    from nero_core.detectors.patch_fit import CORESET
    from nero_core.errors import CalibrationError

    no_table = ""
    with progress_bar(file=progress) as advance, temporary_folder(), ExitStack() as stack:
        folder, ood_folder, test_folder = (
            None if source is None else stack.enter_context(unpacked(source, on_left_out=tell_left_out))
            for source in (data, ood, test)
        )
        assert folder is not None
        others, here = {}, own_device(engine, device)
        if engine == "ray":
            from nero_core.scale import ObserveOn

            cluster = stack.enter_context(engine_of(engine, address, workers, worker_cores, device))
            others["observe"] = ObserveOn(cluster, str(checkpoint.absolute()), half)
        bundle = run(
            checkpoint,
            folder,
            out,
            ood=ood_folder,
            test=test_folder,
            tpr=tpr,
            seed=seed,
            half=half,
            half_features=half_features,
            allow_reduced_rank=allow_reduced_rank,
            title=title,
            synthetic=synthetic,
            notes=tuple(note or ()),
            references=0 if no_references else REFERENCES,
            patches=0 if no_patches else CORESET,
            quiz_images=0 if no_quiz_images else QUIZ_IMAGES,
            sample=SAMPLE if sample is None else sample,
            device=here,
            on_progress=advance,
            on_left_out=tell_left_out,
            **others,
        )
        if bundle.ood is not None and not no_comparison:
            try:
                bundle = add_comparison(out, device=here, on_progress=advance)
            except CalibrationError as error:
                no_table = f"No comparison of methods is kept. {error}"
    typer.echo(
        f"{bundle.card.title}: {bundle.fit_size} fit, {bundle.calibration_size} calibration and "
        f"{bundle.ood_size} OOD images; smallest p-value 1/{bundle.calibration_size + 1}: {out}"
    )
    if bundle.card.sample_sentence:
        typer.echo(bundle.card.sample_sentence)
    made = [no_references or bundle.references is not None, no_patches or bundle.patches is not None]
    if missing := made.count(False):
        for line in bundle.card.notes[-missing:]:
            typer.echo(line)
    if no_table:
        typer.echo(no_table)
    for name, value in bundle.card.numbers.items():
        typer.echo(f"  {name}: {value:.4g}")
