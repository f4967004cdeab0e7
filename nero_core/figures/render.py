"""Arrays to pictures: relevance maps on the image, colour bars, PNG and data URIs. Knows no screen.

Relevance is signed and wears one diverging map centred on zero with symmetric limits; evidence wears one sequential
map where it is positive, and the diverging one where part of it is negative. Maps are upsampled bilinearly to the
picture's own size; the picture itself is never stretched, and a small one is enlarged by whole-number nearest
neighbour, so that its pixels stay pixels. The matplotlib figures of
``nero explain`` stand in the modules beside this one.
"""

import base64
import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from nero_core.figures.wording import MUCH_CANCELLATION
from nero_core.relevance.smoothing import smooth as smooth
from nero_core.types import Concept

Kind = Literal["signed", "positive"]

#: Colours of the maps from low to high: purple to green, and viridis. Both can be told apart by lightness as well as by
#: hue, so that colour-blind eyes and grey print read them; both stand out from mucosa; neither wears the screen's ID
#: blue or OOD vermilion.
MAPS: dict[Kind, tuple[tuple[int, int, int], ...]] = {
    "signed": ((150, 50, 220), (200, 150, 240), (245, 245, 245), (140, 240, 150), (20, 220, 80)),
    "positive": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}


def overlay(
    pixels: UInt8[np.ndarray, "height width 3"],
    heatmap: ArrayLike,
    opacity: float = 0.7,
    limit: float | None = None,
    kind: Kind = "signed",
) -> UInt8[np.ndarray, "height width 3"]:
    """The map on the picture: each pixel's colour comes from the map, its strength from ``|value| / limit``.

    Where the map is zero the picture shows through, losing only part of its own colour, so that a green spot on pink
    mucosa is the map's and not the patient's.

    Args:
        pixels: the picture, RGB.
        heatmap: the map, of any size; it covers the whole picture.
        opacity: 0 shows the picture untouched, 1 covers it fully where the map reaches its limit.
        limit: value (>0) at which the colour saturates; None takes the map's own. Give one limit to panels that are
            compared.
        kind: ``signed`` or ``positive``.
    """
    opacity = float(np.clip(opacity, 0.0, 1.0))
    picture = np.asarray(pixels, dtype=np.float32)
    if opacity == 0:
        return np.asarray(pixels, dtype=np.uint8)
    values = upsample(heatmap, picture.shape[0], picture.shape[1])
    scaled = values / (limit if limit else heat_limit(heatmap))
    if kind == "positive":
        scaled = np.clip(scaled, 0.0, 1.0)
    scaled = np.clip(scaled, -1.0, 1.0)
    grey = (picture @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[..., None]
    picture = picture + 0.6 * opacity * (grey - picture)
    alpha = opacity * np.abs(scaled)[..., None] ** 0.75  # a little above linear: half of the limit is well visible
    return np.asarray(np.rint(picture + alpha * (_colours(scaled, kind) - picture)), dtype=np.uint8)


def evidence_as_shown(evidence: ArrayLike, sigma: float) -> tuple[Float[np.ndarray, "height width"], Kind]:
    """The evidence map, smoothed, and the kind of map it wears.

    Evidence starts positive. Rules with negative weights (ε, γ, the plain gradient) make part of it negative; where
    that part is more than 5 % of the positive one it is shown too, since what the map keeps is the sum of both.
    """
    values = smooth(evidence, sigma)
    negative, positive = np.abs(values[values < 0].sum()), values[values > 0].sum()
    return (values, "signed") if negative > 0.05 * positive else (np.maximum(values, 0), "positive")


def upsample(heatmap: ArrayLike, height: int, width: int) -> Float[np.ndarray, "height width"]:
    """The map at another size, bilinearly."""
    values = np.ascontiguousarray(np.asarray(heatmap), dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"a heatmap has height and width; this one has shape {values.shape}")
    return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BILINEAR))


def heat_limit(*heatmaps: ArrayLike, quantile: float = 0.995) -> float:
    """One symmetric colour limit for all the maps given: the largest of their ``quantile`` of ``|value|``.

    A quantile below 1 keeps a single hot pixel from paling the rest. Always above zero, so that it can divide.
    """
    limits = [float(np.quantile(np.abs(np.asarray(heatmap, dtype=np.float64)), quantile)) for heatmap in heatmaps]
    peak = max(limits, default=0.0)
    if peak <= 0:  # a map that is zero nearly everywhere: its largest value will do
        peak = max((float(np.abs(np.asarray(heatmap)).max(initial=0.0)) for heatmap in heatmaps), default=0.0)
    return peak if np.isfinite(peak) and peak > 0 else 1.0


def scale_limits(heatmaps: Sequence[ArrayLike], cancellations: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    """The colour limit of the scale that maps share, and the limit that each of them wears.

    Where a map's two signs mostly cancel it is larger than what it says, and on one scale would hide the others: beyond
    the limit of those that do not cancel it wears one of its own. Where all of them cancel, the median gives the scale.

    Args:
        heatmaps: the maps, as they are shown.
        cancellations: Σ|R| of each over |the initial relevance|.
    """
    cancels = [value > MUCH_CANCELLATION for value in cancellations]
    own = [heat_limit(value) for value in heatmaps]
    calm = [value for value, does in zip(heatmaps, cancels, strict=True) if not does and np.any(np.asarray(value))]
    rest = sorted(value for value, does in zip(own, cancels, strict=True) if does)
    shared = rest[(len(rest) - 1) // 2] if rest and not calm else heat_limit(*calm)
    return shared, tuple(value if does and value > shared else shared for value, does in zip(own, cancels, strict=True))


def concept_maps(
    concepts: Sequence[Concept], sigma: float
) -> tuple[list[Float[np.ndarray, "height width"]], float, tuple[float, ...]]:
    """The conditional heatmaps of concepts, smoothed, with the limits of ``scale_limits``: the scale's and each map's.

    Args:
        concepts: of one explanation.
        sigma: the explanation's.
    """
    maps = [smooth(concept.heatmap, sigma) for concept in concepts]
    return maps, *scale_limits(maps, [concept.cancellation for concept in concepts])


def colour_bar(
    kind: Kind = "signed", length: int = 256, thickness: int = 12
) -> UInt8[np.ndarray, "thickness length 3"]:
    """The map's colours from its lowest (left) to its highest value (right)."""
    scale = np.linspace(-1.0 if kind == "signed" else 0.0, 1.0, length, dtype=np.float32)
    row = np.rint(_colours(scale, kind)).astype(np.uint8)
    return np.repeat(row[None], thickness, axis=0)


def caption(pixels: UInt8[np.ndarray, "height width 3"], text: str) -> UInt8[np.ndarray, "tall width 3"]:
    """The picture with a strip of text below it, wrapped to its width, so that a file that is passed on says what it
    shows."""
    width = pixels.shape[1]
    size = int(np.clip(width // 40, 14, 24))  # pixels: legible, and a line holds some 70 characters
    font, margin = ImageFont.truetype(_font(), size), size // 2
    lines = _wrap(text, font, width - 2 * margin)
    strip = Image.new("RGB", (width, round(1.4 * size * len(lines)) + 2 * margin), "white")
    draw = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        draw.text((margin, margin + round(1.4 * size * row)), line, fill="black", font=font)
    return np.concatenate([pixels, np.asarray(strip)])


@cache
def _font() -> str:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font lacks ×, the minus sign and powers of ten."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


def enlarge(pixels: UInt8[np.ndarray, "height width 3"], side: int = 672) -> UInt8[np.ndarray, "tall wide 3"]:
    """A small picture, each pixel repeated a whole number of times, its longer side at most ``side``."""
    factor = max(1, side // max(pixels.shape[:2]))
    return np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1) if factor > 1 else pixels


def fit_within(pixels: UInt8[np.ndarray, "height width 3"], side: int = 1200) -> UInt8[np.ndarray, "tall wide 3"]:
    """A large picture in its own aspect, its longer side at most ``side``; a smaller one unchanged."""
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    ratio = side / max(height, width)
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def encode(pixels: UInt8[np.ndarray, "height width 3"], form: Literal["png", "webp"] = "png") -> bytes:
    """The picture as a file: PNG is exact, WebP (quality 90) a fifth of its size."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(
        buffer, format=form.upper(), quality=90, method=0
    )  # WebP: 6 instead of 20 ms
    return buffer.getvalue()


def data_uri(
    picture: UInt8[np.ndarray, "height width 3"] | bytes, form: Literal["png", "webp", "jpeg", "svg+xml"] = "png"
) -> str:
    """``data:image/…`` for an ``<img>``; bytes are taken as an image file of that form."""
    data = picture if isinstance(picture, bytes) else encode(picture, "webp" if form == "webp" else "png")
    return f"data:image/{form};base64,{base64.b64encode(data).decode('ascii')}"


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Lines no wider than ``width`` pixels, broken between words and, where a word is wider, within it."""
    lines = [""]
    for word in text.split():
        if lines[-1] and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and font.getlength(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return lines


def _colours(scaled: Float[np.ndarray, "*shape"], kind: Kind) -> Float[np.ndarray, "*shape 3"]:
    """Linear interpolation between the map's colours; ``scaled`` in [-1, 1] (signed) or [0, 1] (positive)."""
    anchors = np.asarray(MAPS[kind], dtype=np.float32)
    places = np.linspace(-1.0 if kind == "signed" else 0.0, 1.0, len(anchors), dtype=np.float32)
    return np.stack([np.interp(scaled, places, anchors[:, band]) for band in range(3)], axis=-1).astype(np.float32)
