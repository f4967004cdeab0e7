"""``nero pacs``: find, pull, push."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.json_lines import json_line
from nero_core.cli.options import Device, Seed, Tpr, make_folder
from nero_core.cli.terminal import VERDICTS, printable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from nero_core.pacs.results import ImageResult
    from nero_core.pacs.study import Scored

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
StudyUid = Annotated[str, typer.Argument(metavar="STUDY", help="Study Instance UID, as nero pacs find tells it.")]


def find(
    patient: Annotated[str, typer.Option(help="Patient ID.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    study: Annotated[str, typer.Option(help="Study Instance UID.")] = "",
    modality: Annotated[str, typer.Option(help="Such as ES for endoscopy.")] = "",
    date: Annotated[str, typer.Option(help="20260131, or a range: 20260101-20260131.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most studies to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find studies in the PACS. Names and dates are listed only where NERO_SHOW_STUDY_TAGS=1."""
    from nero_core.data.patient_tags import study_tags_are_shown
    from nero_core.pacs import Archive, read_settings

    filters = {
        "PatientID": patient,
        "AccessionNumber": accession,
        "StudyInstanceUID": study,
        "ModalitiesInStudy": modality,
        "StudyDate": date,
    }
    studies = Archive(read_settings()).find(limit, **filters)
    are_shown = study_tags_are_shown()
    for one in studies:
        tags = one.tags if are_shown else {}
        if as_json:
            record = {"study": one.uid, "modalities": list(one.modalities), "instances": one.instances}
            typer.echo(json_line(record | ({"tags": tags} if tags else {})))
        else:
            count = "" if one.instances is None else f"{one.instances} instances"
            typer.echo(
                "  ".join(filter(None, map(printable, (one.uid, "/".join(one.modalities), count, *tags.values()))))
            )
    if not studies:
        typer.echo("No study was found.", err=True)


def pull(
    study: StudyUid,
    out: Annotated[Path, typer.Option(help="Folder to write the images to; each is one DICOM file.")],
    as_json: AsJson = False,
) -> None:
    """Fetch the images of a study.

    The files hold pixels and UIDs; names and dates only where NERO_SHOW_STUDY_TAGS=1.
    """
    from nero_core.atomic import new_file
    from nero_core.data.patient_tags import study_tags_are_shown
    from nero_core.pacs import Archive, read_settings
    from nero_core.pacs.picture_only import picture_only
    from nero_core.pacs.study import as_file, images

    archive = Archive(read_settings())
    make_folder(out)
    are_shown, skipped, written = study_tags_are_shown(), Counter[str](), 0
    for dataset in images(archive, study, lambda reason: skipped.update([reason])):
        place = out / f"{dataset.SOPInstanceUID}.dcm"
        with new_file(place) as part:
            part.touch(mode=0o600)  # before anything is in it
            part.write_bytes(as_file(dataset if are_shown else picture_only(dataset)))
        written += 1
        if as_json:
            typer.echo(json_line({"file": str(place), "instance": str(dataset.SOPInstanceUID)}))
    if not as_json:
        typer.echo(f"{written} {'image' if written == 1 else 'images'} in {printable(str(out))}")
    _tell_skipped(skipped)


def push(
    study: StudyUid,
    bundle: Annotated[Path, typer.Option(help="Bundle folder, made by nero calibrate.")],
    method: Annotated[str, typer.Option(help="verdict, or a detector; the bundle's default where none is given.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="Write what would be sent to this folder instead, and send nothing.")
    ] = None,
    as_json: AsJson = False,
    tpr: Tpr = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score the images of a study and send the maps and one report back to it.

    Exit status 1 when some images could not be scored, 0 when all were.
    """
    import torch

    from nero_core.atomic import write_bytes
    from nero_core.errors import NeroError
    from nero_core.inspector import Inspector
    from nero_core.pacs import Archive, read_settings, structured_report
    from nero_core.pacs.study import as_file, capture_of, context_of, images, score_instance

    torch.manual_seed(seed)
    archive, inspector = Archive(read_settings()), Inspector.load(bundle, device)
    chosen = method or inspector.default_method(tpr)
    inspector.reference_scores(chosen, tpr)  # an unknown method or tpr is an error before anything is fetched
    context, skipped, results, failed, sent = context_of(inspector, tpr), Counter[str](), list["ImageResult"](), 0, 0
    if out is not None:
        make_folder(out)

    def deliver(one: "Dataset") -> None:
        if out is None:
            archive.store([one])
        else:
            write_bytes(out / f"{one.Modality}-{one.InstanceNumber}.dcm", as_file(one))

    for number, dataset in enumerate(images(archive, study, lambda reason: skipped.update([reason])), start=1):
        name = f"image {number} of the study"
        try:
            scored = score_instance(inspector, dataset, chosen, tpr, name)
        except NeroError as error:
            failed += 1
            record = {"instance": str(dataset.SOPInstanceUID), "error": str(error)}
            typer.echo(json_line(record) if as_json else printable(str(error)))
            continue
        _tell(scored, name, as_json)
        results += scored.results
        capture = capture_of(scored, context, number)
        if capture is not None:  # sent at once: the maps of a whole study are not held
            deliver(capture)
            sent += 1
    if not results:
        _tell_skipped(skipped)
        raise NeroError("Expected a study with images that can be scored. Found none. Name another study.")
    deliver(structured_report(results, context))
    sent += 1
    objects = "1 object" if sent == 1 else f"{sent} objects"
    told = f"{objects} sent to {archive.host}." if out is None else f"Nothing sent; {objects} in {printable(str(out))}."
    typer.echo(told, err=as_json)
    if inspector.no_unlikeness_because:
        typer.echo(f"No maps: {inspector.no_unlikeness_because}", err=True)
    _tell_skipped(skipped)
    if failed:
        raise typer.Exit(FAULT)


def _tell(scored: "Scored", name: str, as_json: bool) -> None:
    for result in scored.results:
        if as_json:
            record = {
                "instance": str(result.source.SOPInstanceUID),
                "frame": result.frame,
                "method": result.method,
                "score": result.score,
                "threshold": result.threshold,
                "p_value": result.p_value,
                "verdict": result.verdict,
                "predicted": result.predicted,
                "confidence": result.confidence,
            }
            typer.echo(json_line(record))
        else:
            which = name if result.frame is None else f"{name}, frame {result.frame}"
            typer.echo(
                f"{which}: {VERDICTS[result.verdict]}, {result.method} {result.score:.4g} against "
                f"{result.threshold:.4g}, p {result.p_value:.3g}, predicted {printable(result.predicted)}"
            )


def _tell_skipped(skipped: "Counter[str]") -> None:
    for reason, count in sorted(skipped.items()):
        typer.echo(f"Left out: {count} × {reason}.", err=True)
