"""``nero report``."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.atomic import write_bytes
from nero_core.cli.guard import FAULT
from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Borderline, ByClass, Device, Seed, Tpr
from nero_core.cli.progress import progress_bar
from nero_core.cli.report_worklist import check_out, file_of, form_of, is_worklist, refuse, report_worklist
from nero_core.cli.terminal import printable
from nero_core.cli.worklist import Owner
from nero_core.errors import NeroError

if TYPE_CHECKING:
    from nero_core.case_report import Case
    from nero_core.data.left_out import LeftOut


def report(
    subjects: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|IMAGE...", help="Name of a worklist; or images, or folders of images at any depth."
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .pdf or .html.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle folder; the demo that came with this program if none.")
    ] = None,
    text: Annotated[str, typer.Option(help="Free text, printed in the report of every image or list.")] = "",
    made_on: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=["%Y-%m-%d"], help="Date to print, which also makes the PDF a PDF/A; undated if none."
        ),
    ] = None,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign the PDF with the certificate that NERO_REPORT_CERTIFICATE names.")
    ] = False,
    worklist: Annotated[bool, typer.Option("--worklist", help="NAME is a worklist, whatever files there are.")] = False,
    pages: Annotated[
        str,
        typer.Option(
            metavar="unlike|all|none", help="Of a worklist: which images have a page of their own, besides the table."
        ),
    ] = "unlike",
    most: Annotated[int | None, typer.Option(help="Of a worklist: how many such pages; 30 if none is given.")] = None,
    item: Annotated[
        list[int] | None, typer.Option(help="Of a worklist: place of an image that has a page in any case. Repeat it.")
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Of a worklist: rate of Benjamini-Hochberg; 0.1 if none.")] = None,
    reader: Annotated[str, typer.Option(help="Who reviewed the image.")] = "",
    decision: Annotated[str, typer.Option(help="What the reader decided: agree, override, second look.")] = "",
    comment: Annotated[str, typer.Option(help="What the reader says.")] = "",
    when: Annotated[str, typer.Option(help="When the reader looked at it.")] = "",
    method: Annotated[str | None, typer.Option(help="verdict, the default, or a detector.")] = None,
    composite: Annotated[
        str | None, typer.Option(help="How the class heatmap is made; the architecture's own where none is given.")
    ] = None,
    tpr: Tpr = None,
    borderline: Borderline = None,
    by_class: ByClass = False,
    seed: Seed = 0,
    device: Device = "auto",
    owner: Owner = None,
) -> None:
    """A worklist, or one image or several, as a PDF or HTML file: verdict in words, maps, plots, similar images,
    reviews, digests. A worklist has a table of all its images and pages of those that are unlike.

    The same images, bundle and options give the same bytes. Exit status 1 when some files could not be read, 0 when all
    were; these are named in the report. NERO_REPORT_FONTS names font files for scripts that DejaVu Sans lacks.
    """
    import torch

    from nero_core.calibration.threshold import check_borderline
    from nero_core.case_report import (
        MOST_CASES,
        MOST_PAGES,
        ListSettings,
        Review,
        describe_case,
        describe_report,
        load_signer,
        note_report,
    )
    from nero_core.data.frames import decode_frames
    from nero_core.errors import CalibrationError, ImageError
    from nero_core.explorer import Explorer
    from nero_core.inspector import Inspector
    from nero_core.score_images import image_paths, images_in
    from nero_core.store import local_user, open_store
    from nero_core.worklist.run import RATE

    check_out(out, sign, made_on is not None)
    day = None if made_on is None else made_on.date()
    torch.manual_seed(seed)
    if is_worklist(subjects, worklist, owner):
        stored = {"--reader": reader, "--decision": decision, "--comment": comment, "--when": when}
        refuse("a worklist, whose own counts", stored | {"--method": method, "--tpr": tpr, "--borderline": borderline})
        settings = ListSettings(
            pages,
            MOST_PAGES if most is None else most,
            tuple(item or ()),
            RATE if rate is None else rate,
            composite,
            text,
            day,
        )
        report_worklist(subjects[0], out, bundle, device, owner, settings, sign)
        return
    refuse("images", {"--most": most, "--item": item, "--rate": rate, "--owner": owner})
    signer = load_signer() if sign else None
    left_out: list[LeftOut] = []
    paths = list(image_paths(map(Path, subjects), left_out.append))
    reviews = [Review(reader, decision, comment, when)] if any((reader, decision, comment, when)) else []
    total = sum(map(images_in, paths))
    if reviews and total != 1:
        raise NeroError(f"Expected one image with a review. Found {total}. Make a report for each.")
    if total > MOST_CASES:
        raise NeroError(f"Expected at most {MOST_CASES} images. Found {total}. Make several reports.")
    inspector = Inspector.load(bundle, device)
    explorer = Explorer(inspector)
    inspector.reference_scores(method or inspector.default_method(tpr), tpr)  # an unknown one is told before any image
    check_borderline(borderline, inspector.bundle.card.tpr if tpr is None else tpr)
    describe = partial(
        describe_case,
        inspector,
        method=method,
        tpr=tpr,
        composite=composite,
        text=text,
        reviews=reviews,
        explorer=explorer,
        borderline=borderline,
        by_class=by_class,
    )
    cases: list[Case] = []
    unread: list[tuple[str, str]] = []
    with progress_bar() as advance:
        for done, path in enumerate(paths, 1):
            try:
                for picture in decode_frames(path):  # of a DICOM file each frame is a case
                    cases.append(describe(picture))
            except (ImageError, CalibrationError) as error:
                unread.append((printable(path.name), printable(str(error))))
            advance("describing", done, len(paths))
    for _, reason in unread:
        typer.echo(reason, err=True)
    described = describe_report(inspector, cases, day, tuple(unread))
    data = file_of(described, out, signer)
    write_bytes(out, data)
    if signer is not None:
        with open_store() as store:
            note_report(store, local_user(), form_of(out), data, described, signer)
    typer.echo(f"{len(cases)} {'case' if len(cases) == 1 else 'cases'}: {printable(str(out))}")
    for of_folder in left_out:
        tell_left_out(of_folder)
    if unread:
        raise typer.Exit(FAULT)
