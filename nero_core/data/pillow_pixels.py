"""What Pillow has loaded → 8 bit RGB, a band of rows at a time."""

import imagecodecs
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from nero_core.data.jpeg_frame import jpeg_frame
from nero_core.data.samples import Scale, bands, on_black

_SMALL = {"1": 1, "L": 1, "P": 1}  # bytes a pixel of Pillow's picture; of 16 bit grey 2, of all others 4


def memory_per_pixel(image: Image.Image, data: bytes, kind: str) -> int:
    """Bytes a pixel that decoding needs at once: Pillow's picture, what the decoder keeps, and the result of 3.

    Args:
        image: opened, not loaded.
        data: the file.
        kind: of ``image_kind``.
    """
    if kind == "WebP":
        if not is_still_webp(image):
            return 19  # two canvases, a copy, Pillow's picture, the result
        return 7 if image.mode == "RGBA" else 3
    own = 2 if image.mode.startswith("I;16") else _SMALL.get(image.mode, 4)
    frame = jpeg_frame(data) if kind == "JPEG" else None
    return own + max(3, frame.coefficient_bytes if frame else 0)  # what the decoder keeps goes before the result comes


def is_still_webp(image: Image.Image) -> bool:
    """Whether a WebP has no frames: Pillow decodes it with two canvases to spare, libwebp alone without."""
    return getattr(image, "n_frames", 1) == 1


def still_webp(image: Image.Image, data: bytes) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    """The pixels of a WebP without frames, and what a reader should know."""
    colour = imagecodecs.webp_decode(data, index=None, hasalpha=image.mode == "RGBA")
    if colour.shape[2] == 3:
        return colour, []
    pixels, is_clear = np.empty((*colour.shape[:2], 3), np.uint8), False
    for rows in bands(*colour.shape[:2]):
        pixels[rows] = on_black(colour[rows, :, :3], colour[rows, :, 3])
        is_clear = is_clear or int(colour[rows, :, 3].min()) < 255
    return pixels, ["Transparent parts are shown on black."] if is_clear else []


def rgb(image: Image.Image) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    """The pixels of a loaded picture, and what a reader should know."""
    height, width = image.height, image.width
    pixels, is_clear = np.empty((height, width, 3), np.uint8), False
    scale = Scale(16, np.dtype(np.uint16)) if image.mode.startswith("I;16") else None
    for rows in bands(height, width):
        band = image.crop((0, rows.start, width, rows.stop))
        if scale is not None:
            pixels[rows] = scale.eight_bits(np.asarray(band))[..., None]
        elif image.has_transparency_data:
            colour = np.asarray(band.convert("RGBA"))
            pixels[rows] = on_black(colour[..., :3], colour[..., 3])
            is_clear = is_clear or int(colour[..., 3].min()) < 255
        else:
            pixels[rows] = np.asarray(band.convert("RGB"))
    notes = scale.notes("grey") if scale is not None else []
    notes += ["CMYK converted without its colour profile."] if image.mode == "CMYK" else []
    return pixels, [*notes, "Transparent parts are shown on black."] if is_clear else notes
