"""Errors on the terminal: one message, never a traceback."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from nero_core.cli.terminal import printable
from nero_core.errors import NeroError

P = ParamSpec("P")
T = TypeVar("T")

FAULT, BAD_INPUT = 1, 2  # exit status


def guard(command: Callable[P, T]) -> Callable[P, T]:
    """The command with its errors told on stderr: a ``NeroError`` as it stands, any other in one sentence.

    A file that cannot be read or written is the user's to mend, as a ``NeroError`` is. ``NERO_DEBUG=1`` lets all but
    the ``NeroError`` through, with their traceback.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except NeroError as error:
            typer.echo(f"Error: {printable(str(error))}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):  # a reader that left, as in `nero score … | head`
            raise
        except Exception as error:
            if os.environ.get("NERO_DEBUG"):
                raise
            if isinstance(error, OSError):
                typer.echo(f"Error: {_sentence(error)}", err=True)
                raise typer.Exit(BAD_INPUT) from None
            typer.echo(
                f"Error: something unforeseen happened: {printable(f'{type(error).__name__}: {error}')}. "
                "Set NERO_DEBUG=1 to see where.",
                err=True,
            )
            raise typer.Exit(FAULT) from None

    return guarded


def _sentence(error: OSError) -> str:
    where = "" if error.filename is None else f" at {error.filename}"
    actual = printable(f"{error.strerror or str(error) or type(error).__name__}{where}")
    return (
        f"Expected to read and write files. Found: {actual}. "
        "Check the path, the right to use it, and the room on the disk."
    )
