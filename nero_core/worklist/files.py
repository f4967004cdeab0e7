"""The files of a worklist: those of a folder or a zip, each known by its digest from then on.

A DICOM file of several frames is several; a video is one, whose frames are read where the worklist is scored.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nero_core.data import Limits, file_digest, file_name, unpacked
from nero_core.data.decode import read_whole
from nero_core.data.file_kind import HEAD
from nero_core.data.left_out import Tally, Tell, tell_nobody
from nero_core.data.limits import FORMATS, SUFFIXES
from nero_core.data.regular_file import regular_file
from nero_core.data.walk import images_below, may_be_dicom, split_entries
from nero_core.errors import ImageError, NeroError
from nero_core.store import Store, is_of_database, put_upload, put_upload_file
from nero_core.video import SUFFIXES as VIDEO_SUFFIXES
from nero_core.video import video_kind
from nero_core.worklist.images import File, each_frame, in_study_order

OnFile = Callable[[int, int], object]
MOST_NAME = 500  # characters


@contextmanager
def files_of(
    source: Path,
    inside: Path | None = None,
    on_left_out: Tell = tell_nobody,
    on_file: OnFile = lambda done, total: None,
) -> Iterator[tuple[File, ...]]:
    """The images and videos of a folder, at any depth, the images of a zip, or one file; a zip is unpacked while the
    block lasts.

    The DICOM files of a folder or a zip come last, in the order of their study, and are named by it: their own names
    may be those of patients.

    Args:
        source: the folder, the zip or the file.
        inside: folder to unpack into; the system's own where None.
        on_left_out: told what is not read.
        on_file: told how many files are read, of how many.

    Raises:
        NeroError: nothing is there, the zip is damaged, hostile or beyond its limits, or there is no image.
    """
    if not source.exists():
        raise NeroError(f"Expected a folder, a zip, an image or a video. Found nothing at {source}. Check the path.")
    if source.is_file() and (is_of_database(source) or not _is_zip(source)):
        yield loose_files([source])
        return
    with unpacked(source, inside=inside, on_left_out=on_left_out) as folder:
        is_own = folder == source
        files = _listed(folder, on_left_out if is_own else tell_nobody, on_file)
        files = files if is_own else _without_wrapper(files)
        yield tuple(frame for file in in_study_order(files) for frame in each_frame(file))


def loose_files(paths: Sequence[Path]) -> tuple[File, ...]:
    """Files that were given one by one; several DICOM files are named and ordered as in a folder.

    Raises:
        NeroError: one cannot be read.
    """
    files = [_file(path, path.name) for path in paths]
    several = sum(may_be_dicom(path) for path in paths) > 1
    return tuple(frame for file in (in_study_order(files) if several else files) for frame in each_frame(file))


def keep_files(store: Store, files: Sequence[File], on_file: OnFile = lambda done, total: None) -> None:
    """Copy files to the store's folder of uploads, from which they are scored and shown.

    Raises:
        StoreError: no room, or no right to write.
        ImageError: a file has changed since it was listed, is too large or cannot be read.
    """
    whole = list({file.path: file for file in files}.values())  # frames share one
    for number, file in enumerate(whole, 1):
        if file.is_video:
            put_upload_file(store, file.path, file.digest)
        elif put_upload(store, read_whole(file.path, file.name, Limits())) != file.digest:
            raise ImageError(f"{file.name}: expected the file as it was listed; found that it has changed. Try again.")
        on_file(number, len(whole))


def _listed(folder: Path, on_left_out: Tell, on_file: OnFile) -> tuple[File, ...]:
    inside, tally = folder.resolve(), Tally()
    kinds = SUFFIXES | VIDEO_SUFFIXES
    loose, folders = split_entries(folder, inside, tally, kinds)
    paths = [*loose, *(path for below in folders for path in images_below(below, inside, tally, kinds))]
    left_out = tally.record(folder.name, len(paths))
    if not paths:
        more = f" Left out: {left_out.reasons}." if left_out.reasons else ""
        raise NeroError(f"Expected images in {folder.name}. Found none.{more} Name another folder.")
    if left_out.reasons:
        on_left_out(left_out)
    files = []
    for number, path in enumerate(paths, 1):
        name = path.relative_to(folder).as_posix()
        files.append(_file(path, name[-MOST_NAME:]))
        on_file(number, len(paths))
    return tuple(files)


def _file(path: Path, name: str) -> File:
    if is_of_database(path):
        raise NeroError(f"Expected an image or a video. Found the database: {file_name(name)}. Name another file.")
    with regular_file(path, file_name(name), FORMATS, "image") as (file, _):
        is_video = video_kind(file.read(HEAD)) is not None
    return File(path, name, file_digest(path), is_video=is_video)


def _without_wrapper(files: tuple[File, ...]) -> tuple[File, ...]:
    """Names without the one folder that holds everything in a zip."""
    folders = {file.name.partition("/")[0] for file in files}
    if len(folders) > 1 or not all("/" in file.name for file in files):
        return files
    return tuple(replace(file, name=file.name.partition("/")[2]) for file in files)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix.lower() == ".zip" or file.read(4) == b"PK\x03\x04"
