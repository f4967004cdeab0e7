"""Where the class folders are: a folder, below folders that wrap them, a .zip, or a .zip that only wraps another."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveLimits, unpacked
from nero_core.data.archive_check import check_member, open_archive
from nero_core.data.decode import SUFFIXES, file_name
from nero_core.data.left_out import Tell, tell_nobody
from nero_core.data.walk import is_dropping
from nero_core.errors import ArchiveError, DatasetError
from nero_core.spelling import same_name
from nero_core.zip_reader import check_sizes, member_name, pieces

DEEPEST = 4  # folders that may wrap the class folders


@contextmanager
def class_folders(
    source: Path,
    classes: Sequence[str] = (),
    inside: Path | None = None,
    limits: ArchiveLimits = ARCHIVE_LIMITS,
    on_left_out: Tell = tell_nobody,
) -> Iterator[Path]:
    """The folder that holds the class folders of ``source``.

    Args:
        source: a folder, a .zip, or a folder that holds nothing but one .zip.
        classes: names that the class folders may have.
        inside: folder to unpack in; the system's own where None.
        limits: what an archive may cost.
        on_left_out: told what an archive holds that is not unpacked, where there is such a thing.

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, beyond the limits, or holds no image.
        DatasetError: the folder cannot be read.
    """
    with located(source, classes, inside, limits) as place, unpacked(place, limits, inside, on_left_out) as folder:
        yield folder


@contextmanager
def located(
    source: Path, classes: Sequence[str] = (), inside: Path | None = None, limits: ArchiveLimits = ARCHIVE_LIMITS
) -> Iterator[Path]:
    """As ``class_folders``, but an archive of class folders is not unpacked: its own path is given."""
    try:
        place = _below(source, classes) if source.is_dir() else source
    except OSError as error:
        actual = (error.strerror or str(error)).lower()
        raise DatasetError(f"Expected a folder that can be read at {source}. Found: {actual}. Check it.") from error
    if place.is_dir():
        yield place
    else:
        with _without_wrapper(place, inside, limits) as archive:
            yield archive


def _below(folder: Path, classes: Sequence[str]) -> Path:
    for _ in range(DEEPEST):
        entries = [path for path in folder.iterdir() if not is_dropping(path.name)]
        folders = [path for path in entries if path.is_dir()]
        archives = [path for path in entries if path.suffix.lower() == ".zip"]
        if not folders and len(archives) == 1:
            return archives[0]
        if len(folders) != 1 or same_name(folders[0].name) in classes or _has_images(folders[0]):
            break
        folder = folders[0]
    return folder


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())


@contextmanager
def _without_wrapper(source: Path, inside: Path | None, limits: ArchiveLimits) -> Iterator[Path]:
    """The .zip that is all that ``source`` holds, as GastroVision is published; else ``source`` itself."""
    shown = file_name(str(source))
    with open_archive(source, shown, limits) as outer:
        files = [info for info in outer.infolist() if not info.is_dir() and not _is_dropping(member_name(info))]
        if len(files) != 1 or PurePosixPath(member_name(files[0])).suffix.lower() != ".zip":
            yield source
            return
        inner = files[0]
        for info in outer.infolist():
            check_member(info, shown, limits, may_nest=info is inner)
        check_sizes(outer.infolist(), source.stat().st_size, limits.zip)
        with tempfile.TemporaryDirectory(prefix=".nero-unpacked-", dir=inside) as folder:
            free = shutil.disk_usage(folder).free
            if inner.file_size > min(free, limits.max_bytes):
                raise ArchiveError(
                    f"{shown}: expected an archive inside of at most {min(free, limits.max_bytes):,} bytes; found "
                    f"{inner.file_size:,}. Unpack it yourself, if you trust it, and name the folder."
                )
            place = Path(folder) / file_name(member_name(inner))
            with place.open("xb") as file:
                for piece in pieces(outer, inner, inner.file_size):
                    file.write(piece)
            yield place


def _is_dropping(name: str) -> bool:
    return any(map(is_dropping, name.split("/")))
