"""The picture of an item: of a file, of a frame of a DICOM file, of a moment of a video."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from nero_core.data import Limits, Picture, decode_image
from nero_core.data.decode import read_whole
from nero_core.data.file_kind import HEAD
from nero_core.errors import ImageError
from nero_core.store import Item, NewItem, Store, upload_path
from nero_core.video import Video, video_kind

NO_NAME = "image"  # stands in messages where the name would, and is taken out again: names are not the store's
HALF = 0.0005 + 1e-6  # seconds: items know the times of frames in milliseconds
GONE = "Expected the uploaded file. Found that it is no longer there. Upload it again."
CHANGED = "Expected the file as it was listed. Found that it has changed. List it again."


class PictureReader:
    """Reads the pictures of items in the order of their worklist; a file of many frames once for those in a row.

    Args:
        store: whose uploads are read where no path is given.
        paths: by digest, where the files lie.
    """

    def __init__(self, store: Store, paths: Mapping[str, Path] | None = None) -> None:
        self._store, self._paths = store, paths or {}
        self._digest, self._data = "", b""
        self._videos: dict[str, Video] = {}

    def pictures(self, items: Sequence[Item | NewItem]) -> Iterator[Picture | ImageError]:
        """Of each item its picture, at its own size, or why there is none."""
        for digest, group in groupby(items, lambda item: item.digest):
            some = list(group)
            path = self._paths.get(digest) or upload_path(self._store, digest)
            if path is None:
                yield from (ImageError(GONE) for _ in some)
            elif some[0].frame is not None and is_video(path):
                yield from self._moments(path, digest, [(item.frame or 0) / 1000 for item in some])
            else:
                yield from (self._still(path, digest, item.frame) for item in some)

    def picture(self, item: Item | NewItem) -> Picture:
        """Of one item.

        Raises:
            ImageError: it cannot be read.
        """
        found = next(self.pictures([item]))
        if isinstance(found, ImageError):
            raise found
        return found

    def _still(self, path: Path, digest: str, frame: int | None) -> Picture | ImageError:
        try:
            if self._digest != digest:
                self._digest, self._data = "", b""
                data = read_whole(path, NO_NAME, Limits())
                if hashlib.sha256(data).hexdigest() != digest:
                    return ImageError(CHANGED)
                self._digest, self._data = digest, data
            return decode_image(self._data, NO_NAME, digest=digest, frame=None if frame is None else frame + 1)
        except ImageError as error:
            return error

    def _moments(self, path: Path, digest: str, times: Sequence[float]) -> Iterator[Picture | ImageError]:
        try:
            if digest not in self._videos:
                video = Video(path, NO_NAME)
                if video.id != digest:
                    raise ImageError(CHANGED)
                self._videos[digest] = video
        except ImageError as error:
            yield from (error for _ in times)
            return
        left = list(times)
        while left:
            try:
                for picture in self._videos[digest].frames_at(left, HALF):
                    del left[0]
                    yield picture
            except ImageError as error:
                del left[0]
                yield error


def is_video(path: Path) -> bool:
    """Whether a file begins as a video."""
    with path.open("rb") as file:
        return video_kind(file.read(HEAD)) is not None
