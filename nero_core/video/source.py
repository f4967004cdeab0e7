"""A video file, opened by FFmpeg within limits. Nothing but the named file is read, and no audio is decoded.

FFmpeg gets the file's bytes and the demuxer's name, and neither a path nor an address: playlists, references to other
files and network protocols are out of its reach. Which decoders may run stands in ``limits.CODECS``.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nero_core.data.regular_file import regular_file
from nero_core.video.limits import CODECS, VIDEOS, VideoLimits, refusal, video_kind, what_instead

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

HEAD = 2048  # bytes that tell the kind
COPY = "Copy the file again, or export it as MP4."
_ATTACHED = 0x0400  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC: the cover of a piece of music


def check_source(source: Path | bytes, name: str, limits: VideoLimits) -> str:
    """See that the file is one of ours, and not too large; answers the demuxer's name.

    Raises:
        ImageError: it is missing, unreadable, empty, too large, or no such video.
    """
    if isinstance(source, bytes):
        head, size = source[:HEAD], len(source)
    else:
        head, size = _head(source, name)
    if size > limits.max_bytes:
        expected = f"a video of at most {limits.max_bytes / 2**20:,.4g} MB"
        raise refusal(name, expected, f"{size / 2**20:,.4g} MB", "Cut it into shorter parts.")
    kind = video_kind(head)
    if kind is None:
        raise refusal(name, VIDEOS, what_instead(head), "Export the recording as MP4.")
    return kind


def source_digest(source: Path | bytes) -> str:
    """sha256 (hex) of the file's bytes, read in pieces."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(
    source: Path | bytes, kind: str, name: str, limits: VideoLimits
) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The container and its first track of moving pictures, whose decoder is ready and allowed.

    Raises:
        ImageError: the header is damaged, it holds no moving pictures, or they are beyond the limits.
    """
    import av

    options = {"max_pixels": str(limits.max_pixels), "codec_whitelist": ",".join(sorted(CODECS))}
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        try:
            container = av.open(file, "r", format=kind, options=options, metadata_errors="ignore")
        except (MemoryError, av.MemoryError) as error:
            raise refusal(name, "a video that fits in memory", "one that does not", "Export it smaller.") from error
        except Exception as error:  # a hostile header makes demuxers fail in nearly any way
            actual = "one whose header is damaged, or missing since the recording was cut off before its end"
            raise refusal(name, VIDEOS, actual, COPY) from error
        with container:
            stream = _moving_pictures(container, name)
            check_size(stream.codec_context.width, stream.codec_context.height, name, limits)
            _check_duration(announced_seconds(container, stream), name, limits)
            stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}  # of each picture, as it comes
            stream.thread_count = 1  # more threads hold more pictures at once
            yield container, stream


def check_size(width: int, height: int, name: str, limits: VideoLimits) -> None:
    """Refuse pictures that are too large or too small.

    Raises:
        ImageError: they are.
    """
    actual = f"{width} × {height}" if width and height else "a size beyond it, or none"  # which FFmpeg then says
    if not width * height or width * height > limits.max_pixels:
        expected = f"frames of at most {limits.max_pixels / 1e6:.4g} million pixels"
        raise refusal(name, expected, actual, "Export the video at a smaller size.")
    if min(width, height) < limits.min_side:
        expected = f"frames of at least {limits.min_side} pixels on each side"
        raise refusal(name, expected, actual, "Use the original recording.")


def announced_seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    """How long the header says that the pictures last; None where it does not say so of them alone."""
    told: list[float] = []
    if stream.duration and stream.time_base:
        told.append(float(stream.duration * stream.time_base))
    if stream.frames and stream.average_rate:
        told.append(stream.frames / float(stream.average_rate))
    if not told and container.duration and len(container.streams) == 1:  # else the sound may be what is longer
        told.append(container.duration / 1e6)
    return max(told, default=None)


def _moving_pictures(container: "InputContainer", name: str) -> "VideoStream":
    stream = next((track for track in container.streams.video if not int(track.disposition) & _ATTACHED), None)
    if stream is None:
        kinds = ", ".join(sorted({track.type for track in container.streams})) or "nothing"
        raise refusal(name, VIDEOS, f"a file without moving pictures (it holds: {kinds})", "Choose the recording.")
    # a track whose codec FFmpeg does not know has no context
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    if codec not in CODECS:
        raise refusal(name, f"{VIDEOS} of a usual codec", f"the codec {codec}", "Export it as MP4 with H.264.")
    return stream


def _check_duration(seconds: float | None, name: str, limits: VideoLimits) -> None:
    if seconds is not None and seconds > limits.max_seconds:
        expected = f"a video of at most {limits.max_seconds / 60:.4g} minutes"
        raise refusal(name, expected, f"{seconds / 60:,.4g} minutes", "Cut it into shorter parts.")


def _head(path: Path, name: str) -> tuple[bytes, int]:
    with regular_file(path, name, VIDEOS, "video") as (file, size):
        return file.read(HEAD), size
