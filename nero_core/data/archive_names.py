"""The names inside an archive: which are refused, which are images, and where each image is unpacked to."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from nero_core.data.left_out import NO_SUFFIX, Tally
from nero_core.data.limits import SUFFIXES, file_name
from nero_core.data.walk import are_parts_of_a_split, is_dropping
from nero_core.errors import ArchiveError
from nero_core.spelling import same_name

LONGEST_PART = 255  # bytes of one file's or folder's name, on the usual file systems
NESTED = frozenset(".zip .tar .gz .tgz .bz2 .tbz2 .xz .txz .zst .7z .rar .cab .iso .jar".split())
FOR_WINDOWS = frozenset('<>:"|?*')  # and the colon of a drive letter or of a hidden stream
RESERVED = frozenset(  # of Windows, whatever the suffix
    ("CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10)))
)


def check_name(name: str, shown: str, max_depth: int) -> None:
    """Refuse a name that could leave the folder, hide what it is, or not be made on some system.

    Raises:
        ArchiveError: naming the archive and the member.
    """
    parts = name.removesuffix("/").split("/")
    fault = ""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        fault = "control characters in its name"
    elif "\\" in name:
        fault = "a backslash in its name"
    elif name.startswith("/"):
        fault = "an absolute path"
    elif FOR_WINDOWS.intersection(name):
        fault = "a drive letter or a character that no file name has on every system"
    elif ".." in parts:
        fault = "a path that leads out of the archive (..)"
    elif "" in parts or "." in parts:
        fault = "a path with an empty part"
    elif any(part.endswith((".", " ")) for part in parts):
        fault = "a name that ends with a dot or a space, which Windows drops"
    elif any(part.split(".")[0].rstrip(" ").upper() in RESERVED for part in parts):
        fault = "a name that Windows keeps for itself (CON, NUL, COM1 and the like)"
    elif len(parts) - 1 > max_depth:
        fault = f"a file {len(parts) - 1} folders deep, beyond {max_depth}"
    elif any(len(part.encode()) > LONGEST_PART for part in parts):
        fault = f"a name longer than {LONGEST_PART} bytes"
    if fault:
        expected = "expected the plain names of files and folders"
        raise ArchiveError(f"{shown}: {file_name(name)}: {expected}; found {fault}. Pack the class folders again.")


def check_collisions(names: Sequence[str], shown: str) -> None:
    """Refuse two names that are one on some system: the same, or the same but for case or accents' encoding.

    So are folders, since two classes would be one.

    Raises:
        ArchiveError: naming the archive and the second member.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = _key(name)
        if key in seen:
            other = "the same name twice" if seen[key] == name else f"one that differs in case only from {seen[key]}"
            expected = "expected each file once"
            raise ArchiveError(f"{shown}: {file_name(name)}: {expected}; found {other}. Rename one and pack again.")
        seen[key] = name
    folders: dict[str, str] = {}
    for folder in sorted({str(parent) for name in names for parent in PurePosixPath(name).parents}):
        other = folders.setdefault(_key(folder), folder)
        if other != folder:
            actual = f"a folder that differs in case only from {other}"
            raise ArchiveError(
                f"{shown}: {file_name(folder)}: expected each folder once; found {actual}. Rename one and pack again."
            )
    for key, name in seen.items():
        if any(str(parent) in seen for parent in PurePosixPath(key).parents):
            actual = "a file and a folder of one name"
            raise ArchiveError(f"{shown}: {file_name(name)}: expected each name once; found {actual}. Rename one.")


def is_image(name: str) -> bool:
    """Whether a member is unpacked: a suffix that is decoded, and nothing hidden, nor what macOS leaves behind."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not _is_dropping(path)


def is_nested_archive(name: str) -> bool:
    """Whether a member is an archive by its suffix."""
    path = PurePosixPath(name)
    return path.suffix.lower() in NESTED and not _is_dropping(path)


def lay_out(names: Sequence[str], alone: str) -> dict[str, str]:
    """The ``class/file`` of each image that has one; the file may lie in further folders, as of patients.

    A folder that wraps everything but some images beside it is left out, and so on, as long as more of its images lie
    in folders below than directly in it. The folders that are left are the classes, at any depth; images beside them
    have no place. Where there is none, or only one with fewer images than lie beside it, all images are of one class.

    Args:
        names: of the images.
        alone: class of images without class folders.
    """
    parts = {name: name.split("/") for name in names}
    while len(tops := {path[0] for path in parts.values() if len(path) > 1}) == 1:
        below = {name: path[1:] for name, path in parts.items() if len(path) > 1}
        if 2 * sum(len(path) > 1 for path in below.values()) <= len(below):
            break
        parts = below
    inside = {name: path for name, path in parts.items() if len(path) > 1}
    if not inside or (len(tops) == 1 and 2 * len(inside) < len(parts)):
        return {name: "/".join((alone, *path)) for name, path in parts.items()}
    if are_parts_of_a_split(sorted(tops)) and all(len(path) > 2 for path in inside.values()):
        return {}
    return {name: "/".join((same_name(path[0]), *path[1:])) for name, path in inside.items()}


def tally(names: Sequence[str], images: Sequence[str], placed: Mapping[str, str]) -> Tally:
    """The files that are not unpacked, by reason.

    Args:
        names: of all files.
        images: those of them that are images.
        placed: those of them that have a place.
    """
    counts = Tally(beside=len(images) - len(placed))
    for name in set(names) - set(images):
        path = PurePosixPath(name)
        if _is_dropping(path):
            counts.hidden += 1
        else:
            counts.kinds[path.suffix.lower() or NO_SUFFIX] += 1
    return counts


def _is_dropping(path: PurePosixPath) -> bool:
    return any(map(is_dropping, path.parts))


def _key(name: str) -> str:
    """Equal for names that are one on a system that heeds neither case nor how accents are encoded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
