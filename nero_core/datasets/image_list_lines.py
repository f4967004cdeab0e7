"""Lines of an image list, ``path label``: hostile until checked, and bounded."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from nero_core.data.limits import SUFFIXES, file_name
from nero_core.errors import DatasetError

MAX_LIST_BYTES = 64 * 2**20  # of a list; the longest published one has 5 MB
MAX_LINES = 1_000_000
MAX_PATH = 1024  # characters of a path
OOD_LABEL = -1
_LABEL = re.compile(r"-?[0-9]{1,9}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORM = "'path label', the path from the folder of the data and a whole number"


def read_lines(file: Path) -> Iterator[tuple[int, str, int]]:
    """Number, path and label of each line that counts.

    Raises:
        DatasetError: the file cannot be read, is too large, or a line is wrong; the message tells its number.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        actual = error.strerror or str(error)
        raise DatasetError(
            f"{file_name(file.name)}: expected a list that can be read; found: {actual}. Check the right to read it."
        ) from error
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if len(content) > MAX_LIST_BYTES or len(lines) > MAX_LINES:
        most = f"{MAX_LIST_BYTES >> 20} MB and {MAX_LINES} lines"
        raise DatasetError(f"{file_name(file.name)}: expected a list of at most {most}; found more. Divide it.")
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError as error:
            raise wrong_line(file, number, "text in UTF-8", "other bytes", "Save the list as UTF-8.") from error
        if text and not text.startswith("#"):
            yield (number, *_parts(file, number, text))


def _parts(file: Path, number: int, text: str) -> tuple[str, int]:
    words = text.rsplit(maxsplit=1)
    if len(words) != 2 or not _LABEL.fullmatch(words[1]) or int(words[1]) < OOD_LABEL:
        remedy = "Write the class after a space, or -1 for an image of none."
        raise wrong_line(file, number, _FORM, _shown(text), remedy)
    path = words[0]
    windows = PureWindowsPath(path)
    if (
        len(path) > MAX_PATH
        or _CONTROL.search(path)
        or "\\" in path
        or windows.drive
        or windows.root
        or ".." in PurePosixPath(path).parts
        or not PurePosixPath(path).parts
    ):
        expected = f"a path within the folder of the data, with / between folders and at most {MAX_PATH} characters"
        raise wrong_line(file, number, expected, _shown(path), "Take the line out, or mend its path.")
    return path, int(words[1])


class Inside:
    """Tells files that may be read; folders are resolved once."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.folders: dict[Path, bool] = {}

    def why_not(self, path: Path) -> str | None:
        """``kind``, ``missing``, ``link`` (leads out) or ``special`` (no regular file); None for an image to read."""
        if path.suffix.lower() not in SUFFIXES:
            return "kind"
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                mode = path.stat().st_mode
                if not path.resolve().is_relative_to(self.root):
                    return "link"
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name that the disk does not take
            return "missing"
        if not self._is_inside(path.parent):
            return "link"
        return None if stat.S_ISREG(mode) else "special"

    def _is_inside(self, folder: Path) -> bool:
        if folder not in self.folders:
            self.folders[folder] = folder.resolve().is_relative_to(self.root)
        return self.folders[folder]


def wrong_line(file: Path, number: int, expected: str, actual: str, remedy: str) -> DatasetError:
    """An error in the words that all of them have."""
    return DatasetError(f"{file_name(file.name)}, line {number}: expected {expected}; found {actual}. {remedy}")


def _shown(text: str) -> str:
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return f"'{clean}'" if len(clean) <= 100 else f"'{clean[:99]}…'"
