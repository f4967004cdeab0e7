"""Files and folders that come to their place in one move, whole or not at all.

Whoever reads the place finds what it held before, or the new content, never a part of it. The new content is written
beside the place, under a hidden name on the same disk. It is removed when writing fails: on a full disk, or by a stop.
A kill leaves it behind; it blocks nothing.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part_of(place: Path, alone: bool = False) -> Path:
    """What a file or folder is called while it is written: ``.NAME.THREAD.part``.

    Args:
        place: what it will be called.
        alone: nobody else writes to the place, as under a lock: ``.NAME.part``, so that the next writer overwrites what
            a kill left behind. Else the number of the thread keeps writers apart, of one process or of several.
    """
    return place.with_name(f".{place.name}.part" if alone else f".{place.name}.{threading.get_native_id()}.part")


@contextmanager
def new_file(place: Path, alone: bool = False) -> Iterator[Path]:
    """The path to write a file to; at the end of the block the file moves to its place, over an older one.

    Args:
        place: where to; its folder must be there.
        alone: nobody else writes to the place, see ``part_of``.

    Raises:
        OSError: the file cannot be moved.
    """
    part = part_of(place, alone)
    try:
        yield part
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(place: Path) -> Iterator[Path]:
    """The path to make a folder at; at the end of the block the folder moves to its place.

    Args:
        place: where to, as a resolved path; nothing, or an empty folder. Missing folders above it are made.

    Raises:
        OSError: the folder cannot be moved, also where something has come to its place meanwhile.
    """
    part = part_of(place)
    shutil.rmtree(part, ignore_errors=True)  # of a process that had our number
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bytes(place: Path, data: bytes, alone: bool = False) -> None:
    """Write a file, whole or not at all; see ``new_file``."""
    with new_file(place, alone) as part:
        part.write_bytes(data)


def write_text(place: Path, text: str, alone: bool = False) -> None:
    r"""The same for text, as UTF-8 with ``\n`` at the ends of lines on every system."""
    write_bytes(place, text.encode("utf-8"), alone)
