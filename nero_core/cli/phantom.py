"""``nero phantom``."""

from pathlib import Path
from typing import Annotated

import typer

from nero_core.atomic import new_file
from nero_core.cli.options import Classes, Seed, listed, make_folder
from nero_core.cli.progress import progress_bar
from nero_core.errors import NeroError

SHEET_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP"}  # suffix → as Pillow names it


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write to, one subfolder a class.")],
    per_class: Annotated[int, typer.Option(min=1, help="Images of each class.")] = 100,
    size: Annotated[int, typer.Option(help="Height and width, in pixels.")] = 224,
    seed: Seed = 0,
    classes: Classes = None,
    contact_sheet: Annotated[Path | None, typer.Option(help="Also write one picture of all classes here.")] = None,
) -> None:
    """Draw synthetic endoscopy images; --classes id and --classes ood name the two groups of classes."""
    from nero_core.phantom.drawing import CLASSES, ID_CLASSES, OOD_CLASSES, write_phantoms
    from nero_core.phantom.drawing import contact_sheet as draw_sheet

    if contact_sheet is not None and contact_sheet.suffix.lower() not in SHEET_FORMATS:
        raise NeroError(
            f"Expected a contact sheet named {' or '.join(SHEET_FORMATS)}. Found {contact_sheet.name}. Rename it."
        )
    groups = {"id": ID_CLASSES, "ood": OOD_CLASSES}
    chosen = [name for given in listed(classes) or CLASSES for name in groups.get(given, (given,))]
    make_folder(out)
    with progress_bar() as advance:
        paths = write_phantoms(
            out, per_class, size, seed, chosen, on_progress=lambda done, total: advance("drawing", done, total)
        )
    typer.echo(f"{len(paths)} synthetic images of {len(chosen)} classes in {out}")
    if contact_sheet is not None:
        contact_sheet.parent.mkdir(parents=True, exist_ok=True)
        with new_file(contact_sheet) as part:
            draw_sheet(size=size, seed=seed).save(part, SHEET_FORMATS[contact_sheet.suffix.lower()])
        typer.echo(f"Contact sheet in {contact_sheet}")
