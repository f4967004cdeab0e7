"""The first page of a TIFF → 8 bit RGB: every way to store samples is read as it is meant, or refused by name.

tifffile unpacks the samples; what they mean (TIFF 6.0: PhotometricInterpretation, SampleFormat, ExtraSamples, InkSet)
is done here. YCbCr that is no JPEG is converted by libtiff.
"""

import io
import logging

import imagecodecs
import numpy as np
import tifffile
from jaxtyping import Shaped, UInt8
from PIL import Image

from nero_core.data.limits import FORMATS, Limits, check_memory, check_pixels, refusal
from nero_core.data.samples import Scale, bands, on_black
from nero_core.data.tiff_page import COLOUR_MAP, MAX_PAGES, ORIENTATION, TiffError, TiffPage, read_page
from nero_core.data.tiff_samples import (
    CMYK,
    COLOURS,
    JPEG,
    PALETTE,
    WHITE_IS_ZERO,
    YCBCR,
    Samples,
    check_parts,
    read_samples,
)

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else its remarks on odd files go to stderr

_EXTRA_UNSTATED, _EXTRA_PREMULTIPLIED = 0, 1  # ExtraSamples; any other is alpha, as 2 and Corel Draw's 999


def decode_tiff(data: bytes, name: str, limits: Limits) -> tuple[UInt8[np.ndarray, "height width 3"], int, list[str]]:
    """The first page as 8 bit RGB, its orientation (1 … 8), and what a reader should know.

    Raises:
        ImageError: the page is beyond the limits, or stored in a way that is not read.
        Exception: nearly anything, where it is damaged.
    """
    try:
        page = read_page(data)
        samples = read_samples(page)
        check_pixels(samples.width, samples.height, name, limits)
        check_parts(page, samples, limits)
        check_memory(samples.memory, name, f"a TIFF {samples}", limits)
        notes: list[str] = []
        if samples.photometric == YCBCR and (samples.compression != JPEG or samples.is_planar):
            pixels = _by_libtiff(page, samples)
        else:
            pixels, notes = _rgb(_unpacked(page, samples), page, samples)
        return pixels, page.value(ORIENTATION, 1), [_pages(page), *notes]
    except TiffError as fault:
        remedy = "Export it as PNG, or as a TIFF in 8 bit RGB."
        raise refusal(name, FORMATS, f"a TIFF {fault}", remedy) from fault


def _unpacked(page: TiffPage, samples: Samples) -> Shaped[np.ndarray, "height width samples"]:
    with tifffile.TiffFile(io.BytesIO(page.alone)) as file:
        values = file.pages.first.asarray(squeeze=False, maxworkers=1)  # sample planes, depth, height, width, samples
    return values[0, 0] if not samples.is_planar else np.moveaxis(values[:, 0, :, :, 0], 0, -1)


def _by_libtiff(page: TiffPage, samples: Samples) -> UInt8[np.ndarray, "height width 3"]:
    if samples.bits != 8:
        raise TiffError(f"of {samples.bits} bit samples in YCbCr, which is not read")
    pixels: UInt8[np.ndarray, "height width 3"] = imagecodecs.tiff_decode(page.alone, index=0, asrgb=True)[..., :3]
    return pixels


def _rgb(
    values: Shaped[np.ndarray, "height width samples"], page: TiffPage, samples: Samples
) -> tuple[UInt8[np.ndarray, "height width 3"], list[str]]:
    colours = COLOURS[samples.photometric]
    extra = samples.extra[-(samples.number - colours) :] if samples.number > colours else ()
    extra = extra or (2,) * min(1, samples.number - colours)  # not stated at all: alpha, as Pillow has it
    alpha = next((colours + place for place, kind in enumerate(extra) if kind != _EXTRA_UNSTATED), None)
    if colours == 1 and samples.number - 1 - (alpha is not None) > 1:
        raise TiffError(f"of {samples.number} grey channels in one page, of which none is said to be the picture")
    scale = Scale(samples.bits, values.dtype)
    palette = _palette(page, samples) if samples.photometric == PALETTE else None
    if not scale.is_known:
        for rows in bands(samples.height, samples.width):
            scale.see(values[rows, :, :colours])
    pixels = np.empty((samples.height, samples.width, 3), np.uint8)
    is_clear = False
    for rows in bands(samples.height, samples.width):
        band = values[rows]
        if palette is not None:
            colour = palette[band[..., 0].astype(np.intp)]
        else:
            colour = scale.eight_bits(band[..., :colours])
        if samples.photometric == WHITE_IS_ZERO:
            colour = 255 - colour
        elif samples.photometric == CMYK:
            colour = _from_cmyk(colour)
        if alpha is not None:
            opacity = _opacity(band[..., alpha], samples.bits)
            is_clear = is_clear or int(opacity.min()) < 255
            if extra[alpha - colours] != _EXTRA_PREMULTIPLIED:
                colour = on_black(colour, opacity)
        pixels[rows] = colour
    notes = [] if palette is not None else scale.notes("grey" if colours == 1 else "colour")
    notes += ["CMYK converted without its colour profile."] if samples.photometric == CMYK else []
    notes += ["Transparent parts are shown on black."] if is_clear else []
    left = samples.number - colours - (alpha is not None)
    return pixels, [*notes, f"{left} further channel{'s' * (left > 1)} left out."] if left else notes


def _palette(page: TiffPage, samples: Samples) -> UInt8[np.ndarray, "colours 3"]:
    entries = page.values(COLOUR_MAP, 3 * 2**16)
    if len(entries) != 3 * 2**samples.bits:
        raise TiffError("whose palette is missing or of another length than its samples need")
    colours = np.array(entries, np.uint16).reshape(3, -1).T
    shift = 8 if int(colours.max()) > 255 else 0  # old programs wrote 8 bit, as libtiff knows
    return (colours >> shift).astype(np.uint8)


def _from_cmyk(colour: UInt8[np.ndarray, "height width 4"]) -> UInt8[np.ndarray, "height width 3"]:
    height, width, _ = colour.shape
    return np.asarray(Image.frombytes("CMYK", (width, height), np.ascontiguousarray(colour).tobytes()).convert("RGB"))


def _opacity(values: Shaped[np.ndarray, "height width"], bits: int) -> UInt8[np.ndarray, "height width"]:
    """Alpha in 8 bit: floats have the range [0, 1], signed numbers that of their positive half."""
    if values.dtype.kind in "ub" and bits <= 16:
        return Scale(bits, values.dtype).eight_bits(values)
    top = 1.0 if values.dtype.kind == "f" else float(2**bits - 1 if values.dtype.kind == "u" else 2 ** (bits - 1) - 1)
    return np.rint(np.clip(np.nan_to_num(values.astype(np.float64)) / top, 0, 1) * 255).astype(np.uint8)


def _pages(page: TiffPage) -> str:
    if page.pages == 1:
        return ""
    if page.pages >= MAX_PAGES:
        return f"First of {MAX_PAGES} or more pages."
    return f"First of {page.pages} pages." if page.is_chain_whole else "First of several pages."
