"""``nero recalibrate``: a new bundle from what reviewers said."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Device
from nero_core.cli.progress import ProgressFile, progress_bar
from nero_core.cli.temporary import temporary_folder
from nero_core.cli.terminal import printable
from nero_core.errors import StoreError
from nero_core.store.settings import local_user

if TYPE_CHECKING:
    from nero_core.store import Store
    from nero_core.worklist import File


def recalibrate(
    bundle: Annotated[Path, typer.Option(help="Bundle folder that the worklists were scored with; it stays.")],
    out: Annotated[Path, typer.Option(help="Bundle folder to write; nothing may be there.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="WORKLIST...", help="Names of worklists.")] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Folder or .zip that the worklists were made from, where their pictures are not kept."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Name for the screen.")] = None,
    beside: Annotated[
        bool,
        typer.Option("--beside", help="Count the bundle's own calibration images as well, instead of replacing them."),
    ] = False,
    allow_selection: Annotated[
        bool,
        typer.Option(
            "--allow-selection", help="Go on where what was reviewed differs from what was not; the card will say so."
        ),
    ] = False,
    device: Device = "auto",
    owner: Annotated[str | None, typer.Option(help="Whose worklists they are.", hidden=True)] = None,
    number: Annotated[list[int] | None, typer.Option(help="Numbers of worklists, of any owner.", hidden=True)] = None,
    by: Annotated[str | None, typer.Option(help="Who has it made.", hidden=True)] = None,
    progress: ProgressFile = None,
) -> None:
    """Calibrate a bundle anew on the images of worklists that reviewers found like its reference images.

    All that a reader called like count, agreed or overridden: false alarms alone would set the thresholds too high.
    Classifier and detectors stay; thresholds and p-values are new. No picture goes into the new bundle.
    """
    from nero_core.benchmark import add_comparison
    from nero_core.errors import CalibrationError
    from nero_core.inspector import Inspector
    from nero_core.store import open_store
    from nero_core.worklist import calibrate_from_reviews, files_of, record_origin

    with progress_bar(file=progress) as advance, temporary_folder(), ExitStack() as stack:
        store = stack.enter_context(open_store())
        numbers = [*(number or []), *(_number(store, name, owner or local_user()) for name in names or [])]
        if not numbers:
            raise StoreError("Expected the name of a worklist. Found none. See: nero worklist list")
        listed: tuple[File, ...] = ()
        if files is not None:
            listed = stack.enter_context(
                files_of(files, None, tell_left_out, lambda done, total: advance("reading", done, total))
            )
        made, found = calibrate_from_reviews(
            store,
            bundle,
            numbers,
            out,
            title=title or out.resolve().name,
            by=by or local_user(),
            files=listed,
            is_beside=beside,
            allow_selection=allow_selection,
            device=device,
            on_progress=advance,
        )
        no_table = ""
        if made.ood is not None:
            try:
                made = add_comparison(out, device=device, on_progress=advance)
            except CalibrationError as error:
                no_table = f"No comparison of methods is kept. {error}"
        record_origin(store, made, numbers)
    typer.echo(
        f"{printable(made.card.title)}: {made.calibration_size} calibration images, {len(found.images)} of them "
        f"reviewed, by {len(found.readers)} reader{'s' if len(found.readers) > 1 else ''}: {printable(str(out))}"
    )
    typer.echo(f"Called unlike by a reader, and so not among them: {found.unlike}")
    for reason, count in found.left_out.items():
        typer.echo(f"Left out, {reason}: {count}")
    for line in (no_table, Inspector(made, made.classifier.device).no_verdict_because()):
        if line:
            typer.echo(line)


def _number(store: "Store", name: str, owner: str) -> int:
    from nero_core.store import find_worklists

    found = find_worklists(store, owner, name)
    if not found:
        raise StoreError(f"Expected a worklist of the name {name!r}. Found none. See: nero worklist list")
    return found[0].id
