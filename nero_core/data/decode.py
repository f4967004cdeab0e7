"""Bytes → pixels, within limits: PNG, JPEG, TIFF, BMP, WebP. Whatever else is refused with a message, not a traceback.

The limits are checked before any pixel is decoded. EXIF orientation is applied; then all metadata (EXIF, ICC, XMP,
text) is dropped. ICC profiles are ignored: numbers are read as sRGB. Alpha is composited on black, the surround of an
endoscopy frame. No global setting of Pillow is changed and its plugins are called directly, so threads may decode.
"""

import hashlib
import io
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Num, UInt8
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from nero_core.data.file_kind import image_kind, other_kind
from nero_core.errors import ImageError
from nero_core.types import ImageBatch

FORMATS = "a PNG, JPEG, TIFF, BMP or WebP image"
SUFFIXES = frozenset(".png .jpg .jpeg .jpe .jfif .mpo .tif .tiff .bmp .dib .webp".split())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. The sides and the pixels are those of the first frame.

    Attributes:
        max_bytes: largest file, in bytes.
        max_pixels: largest width · height.
        min_side: smallest width and smallest height, in pixels.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 64_000_000
    min_side: int = 16


THUMBNAIL_LIMITS = Limits(max_bytes=256_000, max_pixels=1_000_000, min_side=1)  # a bundle may be a stranger's


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded file at its own size, upright, without metadata.

    Attributes:
        pixels: 8 bit RGB.
        id: sha256 (hex) of the file's bytes.
        name: the file's name without its folder and without control characters.
        note: what decoding did that a reader should know ("First of 12 frames."), "" where nothing.
    """

    pixels: UInt8[np.ndarray, "height width 3"] = field(repr=False, compare=False)
    id: str
    name: str
    note: str = ""


def decode_image(
    source: str | Path | bytes, name: str | None = None, limits: Limits = Limits(), digest: str | None = None
) -> Picture:
    """Decode the first frame of one file.

    Args:
        source: a path, or the file's bytes.
        name: the name to show; the path's own where None.
        limits: what the file may cost.
        digest: sha256 (hex) of the file's bytes, where the caller has it; computed where None.

    Raises:
        ImageError: the file is missing, unreadable, beyond the limits, damaged, or no image of the five formats.
    """
    shown = file_name(name if name is not None else "" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else _read(Path(source), shown, limits)
    if not data:
        raise _refusal(shown, FORMATS, "an empty file", "Export the image again.")
    _check_bytes(len(data), shown, limits)
    image, kind = _open(data, shown)
    _check_pixels(image.width, image.height, shown, limits)
    try:
        image.load()
        pixels, notes = _rgb(image)
        pixels = _upright(pixels, _orientation(image))
        notes = [_frames(image), _depth(data, kind), *notes]
    except MemoryError as error:
        actual = f"one of {image.width} × {image.height} pixels"
        raise _refusal(shown, "an image that fits in memory", actual, "Export it at a smaller size.") from error
    except (
        Exception
    ) as error:  # a hostile file makes Pillow's plugins raise nearly anything, SyntaxError and zlib.error included
        actual = f"a truncated, damaged or unusual {kind} (colour mode {image.mode})"
        raise _refusal(shown, FORMATS, actual, "Copy the file again, or export it as PNG.") from error
    digest = digest or hashlib.sha256(data).hexdigest()
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


def thumbnail(picture: Picture, side: int, quality: int = 80) -> bytes:
    """A WebP file that fits inside side × side pixels, aspect kept, never enlarged; ``quality`` in [0, 100]."""
    image = Image.fromarray(picture.pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()


def file_name(path: str) -> str:
    """The last part of any system's path, without control, bidi or surrogate characters; at most 120 characters."""
    last = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    clean = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return (clean if len(clean) <= 120 else clean[:119] + "…") or "unnamed image"


def _decoded(source: str | Path | bytes | Picture, name: str | None, limits: Limits) -> Picture:
    if not isinstance(source, Picture):
        return decode_image(source, name, limits)
    return source if name is None else replace(source, name=file_name(name))


def _refusal(name: str, expected: str, actual: str, remedy: str) -> ImageError:
    return ImageError(f"{name}: expected {expected}; found {actual}. {remedy}")


def _read(path: Path, name: str, limits: Limits) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _refusal(name, FORMATS, "a folder", "Name the image files inside it.")
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device would block or never end
            raise _refusal(name, FORMATS, "something that is not a regular file", "Copy the image into a file.")
        _check_bytes(status.st_size, name, limits)
        with path.open("rb") as file:
            return file.read(status.st_size + 1)  # not all: the file may have grown since stat
    except FileNotFoundError as error:
        raise _refusal(name, FORMATS, "no such file", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        actual = getattr(error, "strerror", None) or "a path that no file can have"
        remedy = "Check the path and the right to read it."
        raise _refusal(name, FORMATS, f"a file that cannot be read ({actual.lower()})", remedy) from error


def _check_bytes(size: int, name: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        expected = f"a file of at most {limits.max_bytes / 2**20:.4g} MB"
        raise _refusal(name, expected, f"{size / 2**20:.4g} MB", "Export the image at a smaller size or as JPEG.")


def _check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    actual = f"{width} × {height}"
    if width * height > limits.max_pixels:
        expected = f"at most {limits.max_pixels / 1e6:.4g} million pixels"
        raise _refusal(name, expected, actual, "Export the image at a smaller size.")
    if min(width, height) < limits.min_side:
        expected = f"at least {limits.min_side} pixels on each side"
        raise _refusal(name, expected, actual, "Use the original image, not an icon or a crop.")


_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile]] = {
    # A phone's multi-picture file (MPO) opens as JPEG with its first picture, the photograph.
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "WebP": WebPImageFile,
}


def _open(data: bytes, name: str) -> tuple[ImageFile, str]:
    """Read the header only. Unlike ``Image.open``, the plugin classes warn of no bomb and try no other format."""
    kind = image_kind(data)
    if kind is None:
        raise _refusal(name, FORMATS, other_kind(data), "Export the picture as PNG or JPEG.")
    try:
        return _OPENERS[kind](io.BytesIO(data)), kind
    except Image.DecompressionBombError as error:  # WebP's own check, ahead of ours
        raise _refusal(name, FORMATS, "one of far too many pixels", "Export it at a smaller size.") from error
    except Exception as error:  # as above: nearly anything
        actual = f"a {kind} with a damaged or unusual header"
        raise _refusal(name, FORMATS, actual, "Copy the file again, or export it as PNG.") from error


def _rgb(image: Image.Image) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint32) + 128) // 257  # 65535 / 255 = 257, rounded
        return _grey(grey), ["16 bit grey read as 8 bit."]
    if image.mode in ("I", "F"):
        return _spread(np.asarray(image))
    if image.has_transparency_data:
        colour = np.array(image.convert("RGBA"))
        alpha = colour[..., 3:].astype(np.uint16)
        flat = ((colour[..., :3] * alpha + 127) // 255).astype(np.uint8)
        return flat, ["Transparent parts are shown on black."] if int(alpha.min()) < 255 else []
    notes = ["CMYK converted without its colour profile."] if image.mode == "CMYK" else []
    return np.array(image.convert("RGB")), notes


def _spread(values: Num[np.ndarray, "height width"]) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    """32 bit grey has no agreed range: floats within [0, 1] count as such, all else is spread from its own extremes."""
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scaled = (np.where(known, values, low).astype(np.float64) - low) * (255 / (high - low) if high > low else 0.0)
    notes = [f"32 bit grey: {low:.6g} … {high:.6g} spread over 0 … 255."]
    return _grey(np.rint(scaled)), notes if known.all() else [*notes, "Undefined pixels are shown as the lowest value."]


def _grey(values: Num[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.repeat(values.astype(np.uint8)[..., None], 3, axis=2)


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 … 8. Pillow turns TIFFs itself while loading and then reports 1."""
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
    if not getattr(image, "is_animated", False):
        return ""
    if not isinstance(image, TiffImageFile):
        return f"First of {getattr(image, 'n_frames', 'several')} frames."
    try:  # a TIFF's pages are a linked list that a hostile file may make very long
        for page in range(1, 1000):
            image.seek(page)
    except EOFError:
        return f"First of {image.n_frames} pages."
    except Exception:  # a damaged later page does not matter to the first
        return "First of several pages."
    return "First of 1000 or more pages."
