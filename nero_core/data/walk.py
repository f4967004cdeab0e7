"""The images below a folder, at any depth; whatever is not read is counted with its reason."""

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from nero_core.data.file_kind import DICOM, HEAD, image_kind
from nero_core.data.left_out import NO_SUFFIX, Tally
from nero_core.data.limits import OF_DICOM, SUFFIXES

OF_A_MEDIUM = "DICOMDIR"  # the list of the files on a CD
OF_MACOS = "__MACOSX"  # folder that it packs into archives
PARTS_OF_A_SPLIT = frozenset("train training trainval val valid validation dev test testing".split())


def images_below(folder: Path, inside: Path, tally: Tally, suffixes: Collection[str] = SUFFIXES) -> Iterator[Path]:
    """The image files of a folder and of those in it: each folder's files by name, then its folders by name.

    Links are followed where they lead to something inside; a folder is read once.

    Args:
        folder: where to begin.
        inside: the resolved folder that links may not leave.
        tally: what is left out is added to it; folders that cannot be read are listed there.
        suffixes: of the files that are wanted.
    """
    yield from _below(folder, inside, tally, set(), suffixes)


def split_entries(
    folder: Path, inside: Path, tally: Tally, suffixes: Collection[str] = SUFFIXES
) -> tuple[list[Path], list[Path]]:
    """The image files directly in a folder, and its folders, by name; the rest is tallied."""
    files, folders = list[Path](), list[Path]()
    try:
        with os.scandir(folder) as listed:
            entries = sorted((folder / entry.name for entry in listed), key=lambda path: path.name)
    except OSError as error:
        tally.closed.append((folder, error))
        return files, folders
    for path in entries:
        if is_dropping(path.name):
            tally.hidden += 1
            continue
        mode = _mode(path, inside, tally)
        if mode is None:
            tally.links += 1
        elif stat.S_ISDIR(mode):
            folders.append(path)
        elif path.suffix.lower() not in suffixes and not (stat.S_ISREG(mode) and _is_bare_dicom(path)):
            tally.kinds[path.suffix.lower() or NO_SUFFIX] += 1
        elif stat.S_ISREG(mode):
            files.append(path)
        elif mode:
            tally.special += 1
    return files, folders


def is_dropping(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or what macOS leaves behind."""
    return name.startswith(".") or name == OF_MACOS


def may_be_dicom(path: Path) -> bool:
    """Whether its name is one that DICOM files have: ``scan.dcm``, ``IM000001``, ``1.2.840.113``."""
    return path.suffix.lower() in OF_DICOM or not path.suffix[1:].strip("0123456789")


def are_parts_of_a_split(folders: list[str]) -> bool:
    """Whether folders are named as the parts of a split, and so no classes."""
    return len(folders) > 1 and all(name.lower() in PARTS_OF_A_SPLIT for name in folders)


def _below(
    folder: Path, inside: Path, tally: Tally, seen: set[tuple[int, int]], suffixes: Collection[str]
) -> Iterator[Path]:
    try:
        status = folder.stat()
    except OSError as error:
        tally.closed.append((folder, error))
        return
    if (status.st_dev, status.st_ino) in seen:
        tally.links += folder.is_symlink()
        return
    seen.add((status.st_dev, status.st_ino))
    files, folders = split_entries(folder, inside, tally, suffixes)
    yield from files
    for below in folders:
        yield from _below(below, inside, tally, seen, suffixes)


def _is_bare_dicom(path: Path) -> bool:
    """Whether a file is DICOM although its name does not say so; the list of a medium is no image."""
    if path.name == OF_A_MEDIUM or not may_be_dicom(path):
        return False
    try:
        with path.open("rb") as file:
            return image_kind(file.read(HEAD)) == DICOM
    except OSError:
        return False


def _mode(path: Path, inside: Path, tally: Tally) -> int | None:
    """What it is; None for a link that leads out or to nothing, 0 for what may not be looked at."""
    try:
        status = path.lstat()
        if not stat.S_ISLNK(status.st_mode):
            return status.st_mode
        place = path.resolve(strict=True)
        return place.stat().st_mode if place.is_relative_to(inside) else None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        if path.is_symlink():
            return None
        tally.closed.append((path.parent, error if isinstance(error, OSError) else OSError(str(error))))
        return 0
