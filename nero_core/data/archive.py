"""A .zip of class folders, hostile until proven otherwise: checked by its directory, then unpacked within limits.

Only the images are unpacked, under the names of the class folders. Nothing is trusted that the archive says of itself:
names are checked before any file is made, and bytes are counted while they are written.
"""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nero_core.data.archive_check import (
    ARCHIVE_LIMITS,
    ArchiveContents,
    ArchiveLimits,
    class_name,
    open_archive,
    plan,
    refusal,
    shown_size,
)
from nero_core.data.left_out import Tell, tell_nobody
from nero_core.data.limits import file_name
from nero_core.zip_reader import member_name, pieces

__all__ = ["ARCHIVE_LIMITS", "ArchiveContents", "ArchiveLimits", "check_archive", "unpacked"]


@contextmanager
def unpacked(
    source: str | Path,
    limits: ArchiveLimits = ARCHIVE_LIMITS,
    inside: Path | None = None,
    on_left_out: Tell = tell_nobody,
) -> Iterator[Path]:
    """A folder of class folders: ``source`` itself where it is a folder, else what the .zip holds.

    Folders that wrap the class folders are left out; images without class folders are one class, named after the .zip.
    The temporary folder is removed at the end, also after an error or Ctrl-C.

    Args:
        source: a folder, or a .zip file.
        limits: what the archive may cost.
        inside: folder to make the temporary folder in; the system's own where None.
        on_left_out: told what the archive holds that is not unpacked, where there is such a thing.

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, beyond the limits, or holds no image.
    """
    source = Path(source)
    if source.is_dir():
        yield source
        return
    shown = file_name(str(source))
    with open_archive(source, shown, limits) as archive:
        members, contents = plan(archive, source, shown, limits)
        if contents.left_out.reasons:
            on_left_out(contents.left_out)
        with tempfile.TemporaryDirectory(prefix=".nero-unpacked-", dir=inside) as folder:
            root = Path(folder) / class_name(source)  # read_folder's messages name it
            root.mkdir()
            free = shutil.disk_usage(root).free
            if contents.bytes > free:
                raise refusal(
                    shown, f"{shown_size(contents.bytes)} of room to unpack it", f"{shown_size(free)}", "Free some."
                )
            _unpack(archive, members, root, shown, limits)
            yield root


def check_archive(source: str | Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> ArchiveContents:
    """Check a .zip without unpacking it: all that its directory tells. Damage inside shows only on unpacking.

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, beyond the limits, or holds no image.
    """
    source = Path(source)
    shown = file_name(str(source))
    with open_archive(source, shown, limits) as archive:
        return plan(archive, source, shown, limits)[1]


def _unpack(
    archive: zipfile.ZipFile, members: list[tuple[zipfile.ZipInfo, str]], root: Path, shown: str, limits: ArchiveLimits
) -> None:
    room = limits.max_bytes
    for info, place in members:
        member = f"{shown}: {file_name(member_name(info))}"
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        try:
            with target.open("xb") as file:
                for piece in pieces(archive, info, min(limits.max_file_bytes, room)):
                    file.write(piece)
                    written += len(piece)
        except OSError as error:
            actual = (error.strerror or str(error)).lower()
            raise refusal(member, "to unpack it", actual, "Check the disk and its room.") from error
        room -= written
