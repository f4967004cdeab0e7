"""The files of a worklist: those of a folder or a zip, each known by its digest from then on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nero_core.data import Limits, file_digest, unpacked
from nero_core.data.decode import read_whole
from nero_core.data.left_out import Tally, Tell, tell_nobody
from nero_core.data.walk import images_below, split_entries
from nero_core.errors import ImageError, NeroError
from nero_core.store import NewItem, Store, put_upload

OnFile = Callable[[int, int], object]
MOST_NAME = 500  # characters


@dataclass(frozen=True, slots=True)
class File:
    """One image file.

    Attributes:
        path: where it lies.
        name: below the folder or in the zip, with ``/`` between folders.
        digest: SHA-256 of its bytes.
    """

    path: Path
    name: str
    digest: str

    @property
    def item(self) -> NewItem:
        """The line of a worklist."""
        return NewItem(self.digest, self.name)


@contextmanager
def files_of(
    source: Path,
    inside: Path | None = None,
    on_left_out: Tell = tell_nobody,
    on_file: OnFile = lambda done, total: None,
) -> Iterator[tuple[File, ...]]:
    """The image files of a folder, at any depth, of a zip, or one image file; a zip is unpacked while the block lasts.

    Args:
        source: the folder, the zip or the file.
        inside: folder to unpack into; the system's own where None.
        on_left_out: told what is not read.
        on_file: told how many files are read, of how many.

    Raises:
        NeroError: nothing is there, the zip is damaged, hostile or beyond its limits, or there is no image.
    """
    if not source.exists():
        raise NeroError(f"Expected a folder, a zip or an image. Found nothing at {source}. Check the path.")
    if source.is_file() and not _is_zip(source):
        yield (File(source, source.name, file_digest(source)),)
        return
    with unpacked(source, inside=inside, on_left_out=on_left_out) as folder:
        is_own = folder == source
        files = _listed(folder, on_left_out if is_own else tell_nobody, on_file)
        yield files if is_own else _without_wrapper(files)


def keep_files(store: Store, files: Sequence[File], on_file: OnFile = lambda done, total: None) -> None:
    """Copy files to the store's folder of uploads, from which they are scored and shown.

    Raises:
        StoreError: no room, or no right to write.
        ImageError: a file has changed since it was listed, is too large or cannot be read.
    """
    for number, file in enumerate(files, 1):
        if put_upload(store, read_whole(file.path, file.name, Limits())) != file.digest:
            raise ImageError(f"{file.name}: expected the file as it was listed; found that it has changed. Try again.")
        on_file(number, len(files))


def _listed(folder: Path, on_left_out: Tell, on_file: OnFile) -> tuple[File, ...]:
    inside, tally = folder.resolve(), Tally()
    loose, folders = split_entries(folder, inside, tally)
    paths = [*loose, *(image for below in folders for image in images_below(below, inside, tally))]
    left_out = tally.record(folder.name, len(paths))
    if not paths:
        more = f" Left out: {left_out.reasons}." if left_out.reasons else ""
        raise NeroError(f"Expected images in {folder.name}. Found none.{more} Name another folder.")
    if left_out.reasons:
        on_left_out(left_out)
    files = []
    for number, path in enumerate(paths, 1):
        name = path.relative_to(folder).as_posix()
        files.append(File(path, name[-MOST_NAME:], file_digest(path)))
        on_file(number, len(paths))
    return tuple(files)


def _without_wrapper(files: tuple[File, ...]) -> tuple[File, ...]:
    """Names without the one folder that holds everything in a zip."""
    folders = {file.name.partition("/")[0] for file in files}
    if len(folders) > 1 or not all("/" in file.name for file in files):
        return files
    return tuple(replace(file, name=file.name.partition("/")[2]) for file in files)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) == b"PK\x03\x04"
