"""Opening a file that somebody named: a regular one, or a sentence that says what it is instead."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nero_core.data.limits import refusal


@contextmanager
def regular_file(path: Path, name: str, expected: str, what: str) -> Iterator[tuple[BinaryIO, int]]:
    """The open file and its size in bytes.

    Args:
        path: of the file.
        name: to be shown.
        expected: the kinds that are read.
        what: one of them, in one word.

    Raises:
        ImageError: it is missing, no regular file, or cannot be read.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise refusal(name, expected, "a folder", f"Name the {what} files inside it.")
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device would block or never end
            raise refusal(name, expected, "something that is not a regular file", f"Copy the {what} into a file.")
        with path.open("rb") as file:
            yield file, status.st_size
    except FileNotFoundError as error:
        raise refusal(name, expected, "no such file", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        actual = (getattr(error, "strerror", None) or "a path that no file can have").lower()
        remedy = "Check the path and the right to read it."
        raise refusal(name, expected, f"a file that cannot be read ({actual})", remedy) from error
