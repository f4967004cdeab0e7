"""Perturbations: what may happen to an image, in a fixed order, one slider each, seeded.

First what lies in the scene (a pasted lesion, an occluded rectangle), then how it is seen (rotation, blur, brightness,
hue), then what sensor and file add (noise, JPEG). A strength of ``neutral`` leaves every pixel as it is. Lengths are
shares of the picture's sides, so that a small and a large copy of one image are perturbed alike.
"""

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageEnhance, ImageFilter

from nero_core.errors import ImageError
from nero_core.phantom.drawing import OOD_CLASSES, draw_phantom

Pixels = UInt8[np.ndarray, "height width 3"]
Fill = Literal["mean colour", "blurred"]
FILLS: tuple[Fill, ...] = ("mean colour", "blurred")
LESIONS = OOD_CLASSES  #: what can be pasted
_FEATHER = 0.06  # width of a pasted lesion's soft edge, in its longer sides
_WIPED = 0.08  # deviation of the Gaussian that wipes an occluded rectangle, in the picture's shorter sides


@dataclass(frozen=True, slots=True)
class PerturbationSpec:
    """One perturbation with one strength.

    Attributes:
        title: for people.
        unit: of the strength.
        lowest: smallest strength.
        highest: largest strength.
        neutral: strength that changes nothing.
        step: of a slider.
        apply: makes the perturbed picture from a picture, a strength other than ``neutral`` and a seed.
    """

    title: str
    unit: str
    lowest: float
    highest: float
    neutral: float
    step: float
    apply: Callable[[Pixels, float, int], Pixels]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle in shares of the picture's sides: ``left``, ``top``, ``width`` and ``height`` in [0, 1]."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Lesion:
    """A drawn lesion to paste.

    Attributes:
        label: an OOD class of the phantom.
        x: of its centre, in [0, 1] from the left.
        y: of its centre, in [0, 1] from the top.
        size: its longer side over the picture's shorter one, in (0, 1].
        seed: of the drawing.
    """

    label: str
    x: float = 0.5
    y: float = 0.5
    size: float = 0.4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Perturbation:
    """Everything that is done to one image.

    Attributes:
        strengths: of ``PERTURBATIONS``, by name; one that is missing is neutral.
        lesion: to paste, or None.
        occluded: rectangle to hide, or None.
        fill: with one colour, or with the picture itself, blurred beyond recognition.
        colour: RGB in [0, 1] of the fill; the classifier's mean colour is what its preprocessing turns to 0.
        seed: of the noise.
    """

    strengths: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    lesion: Lesion | None = None
    occluded: Rectangle | None = None
    fill: Fill = "mean colour"
    colour: tuple[float, float, float] = (0.485, 0.456, 0.406)
    seed: int = 0


def perturb(pixels: Pixels, perturbation: Perturbation) -> Pixels:
    """The perturbed picture, of the same size: a pure function of its arguments.

    Order: lesion, occlusion, then ``PERTURBATIONS`` as they stand.

    Raises:
        ImageError: an unknown perturbation, lesion or fill, or a value outside its range.
    """
    unknown = sorted(set(perturbation.strengths) - set(PERTURBATIONS))
    if unknown:
        raise ImageError(f"Expected perturbations among {', '.join(PERTURBATIONS)}. Found {unknown[0]!r}. Choose one.")
    if perturbation.seed < 0:
        raise ImageError(f"Expected a seed of at least 0. Found {perturbation.seed}. Choose another.")
    result = pixels
    if perturbation.lesion is not None:
        result = paste_lesion(result, perturbation.lesion)
    if perturbation.occluded is not None:
        result = occlude(result, perturbation.occluded, perturbation.fill, perturbation.colour)
    for name, spec in PERTURBATIONS.items():
        strength = perturbation.strengths.get(name, spec.neutral)
        if not spec.lowest <= strength <= spec.highest:
            raise ImageError(
                f"Expected {name} from {spec.lowest:g} to {spec.highest:g} {spec.unit}. Found {strength:g}. "
                "Choose a strength within."
            )
        if strength != spec.neutral:
            result = spec.apply(result, strength, perturbation.seed)
    return np.array(result)  # never the caller's own array


def occlude(pixels: Pixels, rectangle: Rectangle, fill: Fill, colour: tuple[float, float, float]) -> Pixels:
    """The picture with a rectangle hidden; what of it lies outside the picture is cut off.

    Raises:
        ImageError: a side or a colour is not in [0, 1], or an unknown fill.
    """
    sides = (rectangle.left, rectangle.top, rectangle.width, rectangle.height)
    if not all(0 <= side <= 1 for side in sides):
        raise ImageError(f"Expected a rectangle in shares of the picture, 0 to 1. Found {sides}. Draw it again.")
    if fill not in FILLS:
        raise ImageError(f"Expected a fill among {', '.join(FILLS)}. Found {fill!r}. Choose one.")
    if len(colour) != 3 or not all(0 <= value <= 1 for value in colour):
        raise ImageError(f"Expected a colour of three values from 0 to 1. Found {colour}. Choose another.")
    height, width = pixels.shape[:2]
    rows = slice(round(rectangle.top * height), round(min(1.0, rectangle.top + rectangle.height) * height))
    columns = slice(round(rectangle.left * width), round(min(1.0, rectangle.left + rectangle.width) * width))
    result = pixels.copy()
    if fill == "blurred":
        wiped = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(_WIPED * min(height, width)))
        result[rows, columns] = np.asarray(wiped)[rows, columns]
    else:
        result[rows, columns] = np.rint(255 * np.asarray(colour)).astype(np.uint8)
    return result


def paste_lesion(pixels: Pixels, lesion: Lesion) -> Pixels:
    """The picture with a drawn lesion blended in through its own outline, whose edge is soft.

    Raises:
        ImageError: an unknown class, a place or size outside [0, 1], or a negative seed.
    """
    if lesion.label not in LESIONS:
        raise ImageError(f"Expected a lesion among {', '.join(LESIONS)}. Found {lesion.label!r}. Choose one.")
    if not (0 <= lesion.x <= 1 and 0 <= lesion.y <= 1 and 0 < lesion.size <= 1):
        raise ImageError(
            f"Expected a place from 0 to 1 and a size above 0, up to 1. Found x {lesion.x}, y {lesion.y}, size "
            f"{lesion.size}. Place it within the picture."
        )
    if lesion.seed < 0:
        raise ImageError(f"Expected a seed of at least 0. Found {lesion.seed}. Choose another.")
    cut, alpha = _lesion(lesion.label, lesion.seed)
    height, width = pixels.shape[:2]
    scale = lesion.size * min(height, width) / max(cut.shape[:2])
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    patch = Image.fromarray(cut).resize(size, Image.Resampling.LANCZOS)
    mask = Image.fromarray(alpha).resize(size, Image.Resampling.BILINEAR)
    result = Image.fromarray(pixels)
    corner = round(lesion.x * width - size[0] / 2), round(lesion.y * height - size[1] / 2)
    result.paste(patch, corner, mask)  # Pillow cuts off what lies outside
    return np.asarray(result)


def _rotate(pixels: Pixels, degrees: float, seed: int) -> Pixels:
    """Counter-clockwise about the centre; corners that come from outside repeat the nearest edge."""
    height, width = pixels.shape[:2]
    margin = math.ceil((math.hypot(height, width) - min(height, width)) / 2) + 1
    padded = Image.fromarray(np.pad(pixels, [(margin, margin), (margin, margin), (0, 0)], mode="edge"))
    turned = padded.rotate(degrees, Image.Resampling.BILINEAR)
    return np.asarray(turned)[margin : margin + height, margin : margin + width]


def _blur(pixels: Pixels, strength: float, seed: int) -> Pixels:
    radius = strength / 100 * min(pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _brighten(pixels: Pixels, factor: float, seed: int) -> Pixels:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(pixels)).enhance(factor))


def _turn_hue(pixels: Pixels, degrees: float, seed: int) -> Pixels:
    hsv = np.array(Image.fromarray(pixels).convert("HSV"))
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(degrees / 360 * 256)) % 256
    height, width = pixels.shape[:2]
    return np.asarray(Image.frombytes("HSV", (width, height), hsv.tobytes()).convert("RGB"))


def _add_noise(pixels: Pixels, strength: float, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).standard_normal(pixels.shape, dtype=np.float32)
    noisy: Pixels = np.rint((pixels + 2.55 * strength * noise).clip(0, 255)).astype(np.uint8)
    return noisy


def _compress(pixels: Pixels, quality: float, seed: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=round(quality))
    with Image.open(buffer) as stored:
        return np.asarray(stored.convert("RGB"))


@lru_cache(maxsize=16)
def _lesion(label: str, seed: int) -> tuple[Pixels, UInt8[np.ndarray, "height width"]]:
    """A drawn lesion, cut out with some wall around it, and its soft outline. Shared: nobody writes to them."""
    phantom = draw_phantom(label, seed)
    rows, columns = (np.flatnonzero(phantom.lesion.any(axis=axis)) for axis in (1, 0))
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    edge = max(1, round(_FEATHER * longer))
    # Shrunk by half of the soft edge, with nothing beyond the picture: the blend neither reaches what is not lesion,
    # such as the black surround, nor ends in a straight cut where the lesion leaves the picture.
    whole = Image.fromarray(np.pad((255 * phantom.lesion).astype(np.uint8), edge))
    shrunk = whole.filter(ImageFilter.MinFilter(2 * (edge // 2) + 1))
    soft = (shrunk if shrunk.getbbox() else whole).filter(ImageFilter.GaussianBlur(edge / 2))
    outline = np.asarray(soft)[edge:-edge, edge:-edge]
    box = tuple(slice(max(0, int(indices[0]) - edge), int(indices[-1]) + 1 + edge) for indices in (rows, columns))
    return np.ascontiguousarray(phantom.pixels[box]), np.ascontiguousarray(outline[box])


#: What may happen to an image, in the order in which it happens.
PERTURBATIONS: Mapping[str, PerturbationSpec] = MappingProxyType(
    {
        "rotation": PerturbationSpec("Rotation", "degrees", -180.0, 180.0, 0.0, 5.0, _rotate),
        "blur": PerturbationSpec("Blur", "% of the side", 0.0, 5.0, 0.0, 0.25, _blur),
        "brightness": PerturbationSpec("Brightness", "times", 0.2, 2.0, 1.0, 0.05, _brighten),
        "hue": PerturbationSpec("Hue", "degrees", -180.0, 180.0, 0.0, 5.0, _turn_hue),
        "noise": PerturbationSpec("Noise", "% of full range", 0.0, 30.0, 0.0, 1.0, _add_noise),
        "jpeg": PerturbationSpec("JPEG quality", "of 100", 1.0, 100.0, 100.0, 1.0, _compress),
    }
)
