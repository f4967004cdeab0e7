"""``nero worklist``: many images as one list, scored once each, also when the process is killed on the way."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Borderline, Device, Tpr
from nero_core.cli.progress import ProgressFile, progress_bar
from nero_core.cli.temporary import temporary_folder
from nero_core.cli.terminal import printable
from nero_core.cli.worklist_send import listers_of, sources_of
from nero_core.errors import StoreError
from nero_core.store.settings import local_user

if TYPE_CHECKING:
    from nero_core.inspector import Inspector
    from nero_core.store import Store, Worklist
    from nero_core.worklist import File

Owner = Annotated[
    str | None, typer.Option(help="Whose worklist it is; the user of this computer unless it is given.", hidden=True)
]


def score(
    bundle: Annotated[Path, typer.Option(help="Bundle folder, made by nero calibrate.")],
    out: Annotated[str, typer.Option(metavar="NAME", help="Name of the worklist.")],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder or .zip of images at any depth, one image, or a video."),
    ] = None,
    study: Annotated[str, typer.Option(help="Study of the PACS, as nero pacs find tells it; no FOLDER then.")] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an earlier run of this name ended; begin where there is none.")
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Copy the files below NERO_HOME, so that the page shows them, until it tidies up."),
    ] = False,
    method: Annotated[str | None, typer.Option(help="verdict, the default, or a detector.")] = None,
    tpr: Tpr = None,
    borderline: Borderline = None,
    device: Device = "auto",
    owner: Owner = None,
    progress: ProgressFile = None,
) -> None:
    """Score images into a worklist of the database, which keeps digests and results.

    What is scored is saved as it comes: after a kill, --resume with the same FOLDER scores what is left. An image that
    cannot be scored has its reason in the list, and the exit status is 0 all the same. Each frame of a DICOM file is an
    image, and of a video each frame that is looked at and neither dark nor blurred.
    """
    from nero_core.inspector import Inspector
    from nero_core.store import open_store, worklist
    from nero_core.worklist import files_of, keep_files, score_worklist, summary

    if study and source is not None:
        raise StoreError("Expected a folder or a study. Found both. Make a worklist of each.")
    owner = owner or local_user()
    with progress_bar(file=progress) as advance, temporary_folder(), ExitStack() as stack:
        store = stack.enter_context(open_store())
        earlier = _earlier(store, owner, out, resume, source is not None or bool(study))
        files: tuple[File, ...] = ()
        if source is not None:
            files = stack.enter_context(
                files_of(source, None, tell_left_out, lambda done, total: advance("reading", done, total))
            )
        inspector = Inspector.load(bundle, device)
        listed = _listed(store, inspector, earlier, out, owner, files, method, tpr, borderline, sources_of(study))
        listers = listers_of(store, listed)
        if keep:
            keep_files(store, files, lambda done, total: advance("copying", done, total))
        score_worklist(
            store, listed.id, inspector, files, lambda done, total: advance("scoring", done, total), listers=listers
        )
        found, told = summary(store, listed.id), worklist(store, listed.id).told
    for sentence in told:
        typer.echo(printable(sentence))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.verdicts.items())
    typer.echo(f"{printable(out)}: {found.total} images, {found.scored} scored, {found.failed} not: {counts}")
    typer.echo(
        f"Unlike at a rate of {found.rate:g} (Benjamini-Hochberg): {found.unlike}. At most about {found.rate:.0%} of "
        "these are expected to be like the reference images."
    )


def list_worklists(owner: Owner = None) -> None:
    """The worklists, the newest first: name, images, how many are done, and when it was made."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from nero_core.store import find_worklists, open_store

    with open_store() as store:
        found = find_worklists(store, owner)
    if not found:
        typer.echo("No worklists yet. Make one with: nero worklist score FOLDER --bundle BUNDLE --out NAME")
        return
    table = Table(box=SIMPLE)
    for column in ("name", "owner", "images", "done", "failed", "bundle", "made (UTC)"):
        table.add_column(column)
    for listed in found:
        counts = (str(listed.total), str(listed.done), str(listed.counts.get("failed", 0)))
        made = f"{listed.added:%Y-%m-%d %H:%M}"
        table.add_row(printable(listed.name), printable(listed.owner), *counts, listed.bundle[:12], made)
    Console(soft_wrap=True, highlight=False, markup=False).print(table)


def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the worklist.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write; an older one is replaced.")],
    form: Annotated[str, typer.Option("--format", help="csv, json or parquet.")] = "csv",
    rate: Annotated[
        float, typer.Option(help="Rate of Benjamini-Hochberg for the column unlike_at_rate, between 0 and 1.")
    ] = 0.1,
    owner: Owner = None,
) -> None:
    """Write a worklist as a table: one line an image, with its verdict and its last review."""
    from nero_core.atomic import write_bytes
    from nero_core.store import find_worklists, open_store
    from nero_core.worklist import export as table_of

    with open_store() as store:
        found = find_worklists(store, owner or local_user(), name)
        if not found:
            raise StoreError(f"Expected a worklist of the name {name!r}. Found none. See: nero worklist list")
        data = table_of(store, found[0].id, form, local_user(), rate)
    write_bytes(out.absolute(), data)
    typer.echo(f"{found[0].total} images: {printable(str(out))}")


def _earlier(store: "Store", owner: str, name: str, resume: bool, has_source: bool) -> "Worklist | None":
    """The worklist to go on with; None where a new one is to be made.

    Raises:
        StoreError: neither can be.
    """
    from nero_core.store import find_worklists

    found = find_worklists(store, owner, name)
    if found and not resume:
        raise StoreError(
            f"Expected a new name for a worklist. Found one of the name {name!r}. "
            "Choose another name, or go on with it: --resume"
        )
    if not found and not has_source:
        raise StoreError(
            f"Expected a folder of images, or a worklist of the name {name!r}. Found neither. Name the folder."
        )
    return found[0] if found else None


def _listed(
    store: "Store",
    inspector: "Inspector",
    earlier: "Worklist | None",
    name: str,
    owner: str,
    files: "tuple[File, ...]",
    method: str | None,
    tpr: float | None,
    borderline: float | None,
    more: "list[dict[str, Any]]",
) -> "Worklist":
    from nero_core.worklist import begin, check_files

    if earlier is None:
        reason = "" if method else inspector.no_verdict_because(tpr)
        chosen = method or inspector.default_method(tpr)
        if reason:
            typer.echo(f"{reason} Scored by {chosen} instead.", err=True)
        return begin(store, inspector, name, owner, files, chosen, tpr, more, borderline)
    others = check_files(store, earlier, files)
    if others:
        typer.echo(f"Note: {others} of these files are not in the worklist, and are not scored.", err=True)
    return earlier
