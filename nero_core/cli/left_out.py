"""What a folder or archive holds that is not read, told on stderr: the same words for every command."""

from typing import TYPE_CHECKING

import typer

from nero_core.cli.terminal import printable

if TYPE_CHECKING:
    from nero_core.data.left_out import LeftOut


def tell_left_out(left_out: "LeftOut") -> None:
    """One line; results on stdout stay as they are."""
    typer.echo(f"Note: {printable(str(left_out))}", err=True)
