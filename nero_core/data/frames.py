"""Files that are several images: each frame of a DICOM file is an image of its own, under a name of its own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from nero_core.data.decode import Limits, Picture, decode_image, file_name, read_whole
from nero_core.data.file_kind import DICOM, image_kind
from nero_core.data.frame_names import frame_digest, frame_name, split_frame

_BEFORE_PIXELS = 2**20  # bytes of a file in which its number of frames stands


def decode_frames(source: str | Path | bytes, name: str | None = None, limits: Limits = Limits()) -> Iterator[Picture]:
    """All images of a file: the frames of a DICOM file that has several, one at a time, and one image of any other.

    Args:
        source: a path, or the file's bytes; a path that names a frame gives that one.
        name: the name to show; the path's own where None. A frame's follows it: ``scan.dcm#frame 3``.
        limits: what the file may cost.

    Raises:
        ImageError: the file, or a frame that comes next, cannot be decoded.
    """
    shown = file_name(name if name is not None else "" if isinstance(source, bytes) else str(source))
    frame = None if isinstance(source, bytes) else split_frame(source)[1]
    data = b"" if frame is not None else read_whole(source, shown, limits)
    if frame is not None or len(data) > limits.max_bytes or image_kind(data) != DICOM:
        yield decode_image(source if frame is not None else data, shown, limits)
        return
    from nero_core.data.dicom import count_frames, decode_dicom_frames  # as in decode.py

    digest, count = hashlib.sha256(data).hexdigest(), count_frames(data, limits)
    if count == 1:
        yield decode_image(data, shown, limits, digest)
        return
    for number, (pixels, notes) in enumerate(decode_dicom_frames(data, shown, limits), start=1):
        yield Picture(pixels, frame_digest(digest, number), frame_name(shown, number), " ".join(notes))


def frames_in(source: Path | bytes, limits: Limits = Limits()) -> int:
    """The images in a file, without decoding it; 1 for what cannot be read, which whoever decodes it will say."""
    if isinstance(source, bytes):
        head = source
    else:
        try:
            with source.open("rb") as file:
                head = file.read(_BEFORE_PIXELS)
        except OSError:
            return 1
    if image_kind(head) != DICOM:
        return 1
    from nero_core.data.dicom import count_frames  # as above

    return count_frames(head, limits)
