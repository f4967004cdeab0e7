"""Bytes → pixels, within limits: PNG, JPEG, TIFF, BMP, WebP, DICOM. Whatever else is refused with a message.

The limits, of pixels and of the memory that decoding needs, are checked before any pixel is decoded. EXIF orientation
is applied; then all metadata (EXIF, ICC, XMP, text, tags) is dropped. ICC profiles are ignored: numbers are read as
sRGB. Alpha is composited on black, the surround of an endoscopy frame. Pillow reads all but TIFF and DICOM.
No global setting of Pillow is changed and its plugins are called directly, so threads may decode.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nero_core.data.file_kind import DICOM, image_kind, kind_in_disguise, other_kind
from nero_core.data.frame_names import frame_digest, split_frame
from nero_core.data.limits import (
    FORMATS,
    SUFFIXES,
    THUMBNAIL_LIMITS,
    Limits,
    check_bytes,
    check_memory,
    check_pixels,
    file_name,
    refusal,
)
from nero_core.data.pillow_pixels import is_still_webp, memory_per_pixel, rgb, still_webp
from nero_core.data.png_parts import without_metadata
from nero_core.data.regular_file import regular_file
from nero_core.data.tiff import decode_tiff
from nero_core.errors import ImageError
from nero_core.types import ImageBatch

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "THUMBNAIL_LIMITS",
    "Limits",
    "Picture",
    "decode_batch",
    "decode_image",
    "file_name",
    "read_whole",
    "resize",
    "small_picture",
    "thumbnail",
    "to_batch",
]


THUMBNAIL_SIDE = 96  # pixels; large enough to recognise, about 2 kB


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded file at its own size, upright, without metadata.

    Attributes:
        pixels: 8 bit RGB.
        id: sha256 (hex) of the file's bytes; of one of several frames, see ``frame_digest``.
        name: the file's name without its folder and without control characters.
        note: what decoding did that a reader should know ("First of 12 frames."), "" where nothing.
    """

    pixels: UInt8[np.ndarray, "height width 3"] = field(repr=False, compare=False)
    id: str
    name: str
    note: str = ""


def decode_image(
    source: str | Path | bytes,
    name: str | None = None,
    limits: Limits = Limits(),
    digest: str | None = None,
    frame: int | None = None,
) -> Picture:
    """Decode one frame of a file: the first, or the one that is asked for of a DICOM file.

    Args:
        source: a path, or the file's bytes. ``scan.dcm#frame 3`` is the third frame of ``scan.dcm``.
        name: the name to show; the path's own where None.
        limits: what the file may cost.
        digest: sha256 (hex) of the file's bytes, where the caller has it; computed where None.
        frame: of a DICOM file, counted from 1; the first where None, and the note says so where there are more.

    Raises:
        ImageError: the file is missing, unreadable, beyond the limits, damaged, or no image of the six formats.
    """
    shown = file_name(name if name is not None else "" if isinstance(source, bytes) else str(source))
    if not isinstance(source, bytes):
        source, named = split_frame(source)
        frame = named if frame is None else frame
    data = read_whole(source, shown, limits)
    if not data:
        raise refusal(shown, FORMATS, "an empty file", "Export the image again.")
    check_bytes(len(data), shown, limits)
    kind = image_kind(data)
    if kind is None:
        raise refusal(shown, FORMATS, other_kind(data), "Export the picture as PNG or JPEG.")
    if frame is not None and kind != DICOM:
        raise refusal(shown, "a DICOM file, of which a frame is asked for", f"a {kind}", "Name the file alone.")
    try:
        if kind == DICOM:
            from nero_core.data.dicom import decode_dicom  # pydicom, which it needs, is half of what this room imports

            pixels, notes, orientation = *decode_dicom(data, shown, limits, frame), 1
        else:
            pixels, orientation, notes = (_tiff if kind == "TIFF" else _by_pillow)(data, kind, shown, limits)
    except MemoryError as error:
        remedy = "Export it at a smaller size."
        raise refusal(shown, "an image that fits in memory", "one that does not", remedy) from error
    except ImageError as error:
        if hidden := kind_in_disguise(data, kind):
            raise refusal(shown, FORMATS, hidden, "Export the picture as PNG or JPEG.") from error
        raise
    pixels = _upright(pixels, orientation)
    digest = digest or hashlib.sha256(data).hexdigest()
    digest = digest if frame is None else frame_digest(digest, frame)
    return Picture(np.ascontiguousarray(pixels), digest, shown, " ".join(filter(None, notes)))


def resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """To exactly ``size`` = (height, width): antialiased bilinear, aspect not kept, as NERO's own code does."""
    height, width = size
    resized = Image.fromarray(picture.pixels).resize((width, height), Image.Resampling.BILINEAR)
    return replace(picture, pixels=np.array(resized))


def to_batch(pictures: Iterable[Picture], size: tuple[int, int], labels: Sequence[int] | None = None) -> ImageBatch:
    """Resize pictures (see ``resize``) and stack them in their order."""
    small = [resize(picture, size) for picture in pictures]  # a generator of large pictures is never held whole
    stacked = np.stack([picture.pixels for picture in small]) if small else np.zeros((0, *size, 3), np.uint8)
    return ImageBatch(
        pixels=torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous().float() / 255,
        ids=tuple(picture.id for picture in small),
        names=tuple(picture.name for picture in small),
        labels=None if labels is None else torch.tensor(list(labels), dtype=torch.int64),
        notes=tuple(picture.note for picture in small),
    )


def decode_batch(
    sources: Sequence[str | Path | bytes | Picture],
    size: tuple[int, int],
    names: Sequence[str] | None = None,
    limits: Limits = Limits(),
) -> ImageBatch:
    """Decode and resize files in their order; a picture is decoded already, and the limits are not asked again.

    Raises:
        ImageError: at the first file that cannot be decoded; use ``decode_image`` file by file to keep the others.
    """
    shown = [None] * len(sources) if names is None else names
    pictures = (_decoded(source, name, limits) for source, name in zip(sources, shown, strict=True))
    return to_batch(pictures, size)


def small_picture(picture: Picture) -> bytes:
    """The WebP file by which a bundle shows a reference image."""
    return thumbnail(picture, THUMBNAIL_SIDE, quality=70)


def thumbnail(picture: Picture, side: int, quality: int = 80) -> bytes:
    """A WebP file that fits inside side × side pixels, aspect kept, never enlarged; ``quality`` in [0, 100]."""
    image = Image.fromarray(picture.pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()


def _decoded(source: str | Path | bytes | Picture, name: str | None, limits: Limits) -> Picture:
    if not isinstance(source, Picture):
        return decode_image(source, name, limits)
    return source if name is None else replace(source, name=file_name(name))


def read_whole(source: str | Path | bytes, name: str, limits: Limits) -> bytes:
    """The bytes of a file, which is a regular one and within the limits.

    Raises:
        ImageError: it is not, or cannot be read.
    """
    if isinstance(source, bytes):
        return source
    with regular_file(Path(source), name, FORMATS, "image") as (file, size):
        check_bytes(size, name, limits)
        return file.read(size + 1)  # not all: the file may have grown since it was looked at


Decoded = tuple[UInt8[np.ndarray, "height width 3"], int, list[str]]  # pixels, EXIF orientation, notes

_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    # A phone's multi-picture file (MPO) opens as JPEG with its first picture, the photograph.
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "BMP": BmpImageFile,
    "WebP": WebPImageFile,
}


def _tiff(data: bytes, kind: str, name: str, limits: Limits) -> Decoded:
    try:
        return decode_tiff(data, name, limits)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a hostile file makes decoders raise nearly anything
        actual = f"a truncated, damaged or unusual {kind}"
        raise refusal(name, FORMATS, actual, "Copy the file again, or export it as PNG.") from error


def _by_pillow(data: bytes, kind: str, name: str, limits: Limits) -> Decoded:
    image = _open(data, kind, name)
    check_pixels(image.width, image.height, name, limits)
    what = f"a {kind} of {image.width} × {image.height} pixels ({image.mode})"
    check_memory(memory_per_pixel(image, data, kind) * image.width * image.height, name, what, limits)
    try:
        if kind == "WebP" and is_still_webp(image):
            pixels, notes = still_webp(image, data)
        else:
            image.load()
            pixels, notes = rgb(image)
        return pixels, _orientation(image), [_frames(image), _depth(data, kind), *notes]
    except MemoryError:
        raise
    except Exception as error:  # as above: nearly anything, SyntaxError and zlib.error included
        actual = f"a truncated, damaged or unusual {kind} (colour mode {image.mode})"
        raise refusal(name, FORMATS, actual, "Copy the file again, or export it as PNG.") from error


def _open(data: bytes, kind: str, name: str) -> ImageFile:
    """Read the header only. Unlike ``Image.open``, the plugin classes warn of no bomb and try no other format."""
    try:
        return _OPENERS[kind](io.BytesIO(without_metadata(data) if kind == "PNG" else data))
    except Image.DecompressionBombError as error:  # WebP's own check, ahead of ours
        raise refusal(name, FORMATS, "one of far too many pixels", "Export it at a smaller size.") from error
    except Exception as error:  # as above: nearly anything
        actual = f"a {kind} with a damaged or unusual header"
        raise refusal(name, FORMATS, actual, "Copy the file again, or export it as PNG.") from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 … 8."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken metadata does not make the pixels unreadable
        return 1


def _upright(pixels: UInt8[np.ndarray, "..."], orientation: int) -> UInt8[np.ndarray, "..."]:
    """Undo the camera's orientation (EXIF 2.32, tag 0x0112); an unknown one counts as upright."""
    turned = pixels.swapaxes(0, 1) if orientation in (5, 6, 7, 8) else pixels
    turned = turned[::-1] if orientation in (3, 4, 7, 8) else turned
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned


def _depth(data: bytes, kind: str) -> str:
    is_deep_colour = kind == "PNG" and data[24] == 16 and data[25] != 0  # IHDR: bit depth, colour type
    return "16 bit colour read as 8 bit." if is_deep_colour else ""


def _frames(image: Image.Image) -> str:
    return f"First of {getattr(image, 'n_frames', 'several')} frames." if getattr(image, "is_animated", False) else ""
