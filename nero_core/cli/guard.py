"""Errors on the terminal: one message, never a traceback."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from nero_core.errors import NeroError

P = ParamSpec("P")
T = TypeVar("T")

FAULT, BAD_INPUT = 1, 2  # exit status


def guard(command: Callable[P, T]) -> Callable[P, T]:
    """The command with its errors told on stderr: a ``NeroError`` as it stands, any other in one sentence.

    ``NERO_DEBUG=1`` lets the others through, with their traceback.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except NeroError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except (typer.Exit, typer.Abort, BrokenPipeError):  # a reader that left, as in `nero score … | head`
            raise
        except Exception as error:
            if os.environ.get("NERO_DEBUG"):
                raise
            typer.echo(
                f"Error: something unforeseen happened: {type(error).__name__}: {error}. "
                "Set NERO_DEBUG=1 to see where.",
                err=True,
            )
            raise typer.Exit(FAULT) from None

    return guarded
