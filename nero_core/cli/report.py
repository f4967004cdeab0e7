"""``nero report``."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.atomic import write_bytes
from nero_core.cli.guard import FAULT
from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Device, Seed, Tpr
from nero_core.cli.progress import progress_bar
from nero_core.cli.score import image_paths, images_in
from nero_core.cli.terminal import printable
from nero_core.errors import NeroError

if TYPE_CHECKING:
    from nero_core.case_report import Case, CaseReport
    from nero_core.data.left_out import LeftOut

FORMS = (".pdf", ".html")


def report(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Images, or folders of images at any depth.")
    ],
    out: Annotated[Path, typer.Option(help="File to write: .pdf or .html.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle folder; the demo that came with this program if none.")
    ] = None,
    text: Annotated[str, typer.Option(help="Free text, printed in the report of every image.")] = "",
    made_on: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="Date to print, which also makes the PDF a PDF/A; undated if none."
        ),
    ] = None,
    reader: Annotated[str, typer.Option(help="Who reviewed the image.")] = "",
    decision: Annotated[str, typer.Option(help="What the reader decided: agree, override, second look.")] = "",
    comment: Annotated[str, typer.Option(help="What the reader says.")] = "",
    when: Annotated[str, typer.Option(help="When the reader looked at it.")] = "",
    method: Annotated[str | None, typer.Option(help="verdict, the default, or a detector.")] = None,
    composite: Annotated[
        str | None, typer.Option(help="How the class heatmap is made; the architecture's own where none is given.")
    ] = None,
    tpr: Tpr = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """One image, or several with a table before them, as a PDF or HTML file: verdict in words, maps, plots, digests.

    The same images, bundle and options give the same bytes. Exit status 1 when some files could not be read, 0 when all
    were; these are named in the report. NERO_REPORT_FONTS names font files for scripts that DejaVu Sans lacks.
    """
    import torch

    from nero_core.case_report import MOST_CASES, Review, describe_case, describe_report
    from nero_core.data.frames import decode_frames
    from nero_core.errors import CalibrationError, ImageError
    from nero_core.inspector import Inspector

    _check_out(out)
    torch.manual_seed(seed)
    left_out: list[LeftOut] = []
    paths = list(image_paths(images, left_out.append))
    review = Review(reader, decision, comment, when) if any((reader, decision, comment, when)) else None
    total = sum(map(images_in, paths))
    if review is not None and total != 1:
        raise NeroError(f"Expected one image with a review. Found {total}. Make a report for each.")
    if total > MOST_CASES:
        raise NeroError(f"Expected at most {MOST_CASES} images. Found {total}. Make several reports.")
    inspector = Inspector.load(bundle, device)
    inspector.reference_scores(method or inspector.default_method(tpr), tpr)  # an unknown one is told before any image
    cases: list[Case] = []
    unread: list[tuple[str, str]] = []
    with progress_bar() as advance:
        for done, path in enumerate(paths, 1):
            try:
                for picture in decode_frames(path):  # of a DICOM file each frame is a case
                    cases.append(describe_case(inspector, picture, method, tpr, composite, text, review))
            except (ImageError, CalibrationError) as error:
                unread.append((printable(path.name), printable(str(error))))
            advance("describing", done, len(paths))
    for _, reason in unread:
        typer.echo(reason, err=True)
    day = None if made_on is None else made_on.date()
    write_bytes(out, _set(describe_report(inspector, cases, day, tuple(unread)), out))
    typer.echo(f"{len(cases)} {'case' if len(cases) == 1 else 'cases'}: {printable(str(out))}")
    for of_folder in left_out:
        tell_left_out(of_folder)
    if unread:
        raise typer.Exit(FAULT)


def _set(described: "CaseReport", out: Path) -> bytes:
    from nero_core.case_report import html_report, pdf_report

    return (pdf_report if out.suffix.lower() == ".pdf" else html_report)(described)


def _check_out(out: Path) -> None:
    """Before minutes of computing: a name that says the form, in a folder that is there."""
    if out.suffix.lower() not in FORMS:
        raise NeroError(f"Expected a file that ends in {' or '.join(FORMS)}. Found {out.name!r}. Name it so.")
    if not os.path.isdir(out.parent):  # noqa: PTH112  Path.is_dir raises on a name that is too long
        raise NeroError(f"Expected a folder to write to. Found no folder {out.parent}. Make it first.")
