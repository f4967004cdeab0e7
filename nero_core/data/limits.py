"""What a file may cost, and how one that costs more, or is none of ours, is refused."""

import unicodedata
from dataclasses import dataclass

from nero_core.errors import ImageError

FORMATS = "a PNG, JPEG, TIFF, BMP, WebP or DICOM image"
OF_DICOM = frozenset(".dcm .dicom".split())
SUFFIXES = frozenset(".png .jpg .jpeg .jpe .jfif .mpo .tif .tiff .bmp .dib .webp".split()) | OF_DICOM


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost. The sides and the pixels are those of the first frame.

    Attributes:
        max_bytes: largest file, in bytes.
        max_pixels: largest width · height.
        min_side: smallest width and smallest height, in pixels.
        max_memory: bytes that decoding may need at once beside the file: samples as they are stored, what the decoder
            keeps, and the picture in 8 bit RGB. The largest picture in 8 bit RGB needs up to 640 MB.
        max_frames: most frames of a DICOM file.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 64_000_000
    min_side: int = 16
    max_memory: int = 768 * 2**20
    max_frames: int = 4096


THUMBNAIL_LIMITS = Limits(max_bytes=256_000, max_pixels=1_000_000, min_side=1)  # a bundle may be a stranger's


def refusal(name: str, expected: str, actual: str, remedy: str) -> ImageError:
    """An error in the words that all of them have."""
    return ImageError(f"{name}: expected {expected}; found {actual}. {remedy}")


def check_bytes(size: int, name: str, limits: Limits) -> None:
    """Refuse a file of too many bytes.

    Raises:
        ImageError: it has.
    """
    if size > limits.max_bytes:
        expected = f"a file of at most {limits.max_bytes / 2**20:.4g} MB"
        raise refusal(name, expected, f"{size / 2**20:.4g} MB", "Export the image at a smaller size or as JPEG.")


def check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    """Refuse a picture that is too large or too small.

    Raises:
        ImageError: it is.
    """
    actual = f"{width} × {height}"
    if width * height > limits.max_pixels:
        expected = f"at most {limits.max_pixels / 1e6:.4g} million pixels"
        raise refusal(name, expected, actual, "Export the image at a smaller size.")
    if min(width, height) < limits.min_side:
        expected = f"at least {limits.min_side} pixels on each side"
        raise refusal(name, expected, actual, "Use the original image, not an icon or a crop.")


def check_memory(needed: int, name: str, what: str, limits: Limits) -> None:
    """Refuse a picture whose decoding would need too much memory at once.

    Args:
        needed: bytes.
        name: of the file.
        what: the picture in words, with what makes it large.
        limits: of the file.

    Raises:
        ImageError: it would.
    """
    if needed > limits.max_memory:
        expected = f"an image that needs at most {limits.max_memory / 2**20:.4g} MB while it is decoded"
        actual = f"{what}, which needs {needed / 2**20:,.0f} MB"
        raise refusal(name, expected, actual, "Export it as 8 bit RGB, or at a smaller size.")


def file_name(path: str) -> str:
    """The last part of any system's path, without control, bidi or surrogate characters; at most 120 characters."""
    last = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    clean = "".join(character for character in last if unicodedata.category(character)[0] != "C").strip()
    return (clean if len(clean) <= 120 else clean[:119] + "…") or "unnamed image"
