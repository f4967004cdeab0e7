"""``nero pack`` and ``nero unpack``: a bundle as one file, to hand it on."""

from pathlib import Path
from typing import Annotated

import typer

from nero_core.cli.terminal import printable


def pack(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    file: Annotated[Path, typer.Argument(help="File to write; its name ends in .nero.zip.")],
) -> None:
    """Write a bundle as one file; equal bundles give equal bytes, and only an older such file is replaced."""
    from nero_core.calibration.bundle_archive import pack_bundle

    pack_bundle(bundle, file)
    typer.echo(f"{printable(str(bundle))} in one file of {file.stat().st_size} bytes: {printable(str(file))}")


def unpack(
    file: Annotated[Path, typer.Argument(help="File that nero pack wrote.")],
    into: Annotated[Path, typer.Option(help="Bundle folder to make.")],
) -> None:
    """Check a bundle that came as one file, and make its folder; another bundle is never overwritten."""
    from nero_core.calibration.bundle_archive import unpack_bundle

    card = unpack_bundle(file, into)
    typer.echo(
        f"{printable(card.title)}: {printable(card.arch)} with {len(card.class_names)} classes: {printable(str(into))}"
    )
