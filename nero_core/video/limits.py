"""What a video may cost, which kinds are read, and what a file is by its first bytes."""

from dataclasses import dataclass

from nero_core.data.decode import file_name
from nero_core.data.file_kind import image_kind, other_kind
from nero_core.data.limits import refusal

__all__ = ["CODECS", "SUFFIXES", "VIDEOS", "VideoLimits", "file_name", "refusal", "video_kind", "what_instead"]

VIDEOS = "an MP4, MOV, AVI, MKV or WebM video"
SUFFIXES = frozenset(".mp4 .m4v .mov .avi .mkv .webm".split())
#: decoders that may run, by FFmpeg's names: what endoscopes, capture cards, telephones and browsers record
CODECS = frozenset(
    "h264 hevc mpeg4 msmpeg4v2 msmpeg4 mpeg1video mpeg2video mjpeg dvvideo vp8 vp9 libvpx libvpx-vp9 av1 libdav1d "
    "ffv1 prores huffyuv ffvhuff utvideo rawvideo png".split()
)
_STILL = ("avi", "hei", "hev", "mif", "msf")  # brands of pictures in the container of MP4: AVIF, HEIC


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a video may cost.

    Attributes:
        max_bytes: largest file, in bytes; the file is read as it is decoded, never whole.
        max_pixels: largest width · height. A decoder keeps up to 16 pictures to predict others from: of 4096 × 2160
            pixels these are 212 MB.
        min_side: smallest width and smallest height, in pixels.
        max_seconds: longest duration. A longer one that the header announces is refused; one that shows while
            decoding ends there, and says so.
        max_frames: most frames that are decoded; it ends there, and says so.
        max_sampled: most frames that are looked at; it ends there, and says so.
    """

    max_bytes: int = 8 * 2**30
    max_pixels: int = 9_000_000
    min_side: int = 16
    max_seconds: float = 3 * 3600.0
    max_frames: int = 1_000_000
    max_sampled: int = 20_000


def video_kind(head: bytes) -> str | None:
    """The demuxer's name for a file that begins so: ``mov`` (MP4 too), ``avi`` or ``matroska`` (WebM too), or None.

    The demuxer is named and never searched for: among those that FFmpeg would try are playlists, which name other
    files and addresses to read.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return None if head[8:11].decode("latin-1") in _STILL else "mov"
    return "mov" if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot") else None


def what_instead(head: bytes) -> str:
    """What a file that is no video of these kinds looks like, in words."""
    if not head:
        return "an empty file"
    kind = image_kind(head)
    return f"a {kind} image" if kind else other_kind(head)
