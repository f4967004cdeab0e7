"""A synthetic endoscope: draws the eight classes of Kvasir-v2, three of them in-distribution.

Real endoscopy sets may not be redistributed, so the demo draws its own pictures. They are
synthetic throughout and stand for no patient: good enough to train a small classifier and to
show out-of-distribution detection at work, not to judge a detector for the clinic.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from nero_core.atomic import write_bytes
from nero_core.errors import ImageError
from nero_core.phantom.anatomy import Site, aim, cecum, colon, pylorus, z_line
from nero_core.phantom.chain import develop, draw_frame, expose, pixel_grid
from nero_core.phantom.lesions import LESIONS
from nero_core.phantom.light import paint, shade, survey
from nero_core.phantom.scene import first_pass, march, normals
from nero_core.phantom.spot import find_spot

ID_CLASSES: tuple[str, ...] = ("normal-cecum", "normal-pylorus", "normal-z-line")
OOD_CLASSES: tuple[str, ...] = (
    "polyps",
    "esophagitis",
    "ulcerative-colitis",
    "dyed-lifted-polyps",
    "dyed-resection-margins",
)
CLASSES = ID_CLASSES + OOD_CLASSES

SMALLEST = 32  # below this the anatomy has no pixels left
JPEG_QUALITY = (70, 95)

_SITES: dict[str, Callable[[np.random.Generator], Site]] = {
    "normal-cecum": cecum,
    "normal-pylorus": pylorus,
    "normal-z-line": z_line,
}
# Share of each lesion's pictures that show a stomach instead of the colon.
_STOMACH = {"polyps": 0.35, "dyed-lifted-polyps": 0.25, "dyed-resection-margins": 0.25}


@dataclass(frozen=True, slots=True)
class Phantom:
    """One synthetic endoscopy frame.

    Attributes:
        pixels: uint8 RGB, (size, size, 3).
        lesion: Where the lesion shows, (size, size); all False for the healthy classes.
        label: One of ``CLASSES``.
        seed: The seed it was drawn from.
    """

    pixels: NDArray[np.uint8]
    lesion: NDArray[np.bool_]
    label: str
    seed: int


def draw_phantom(label: str, seed: int, size: int = 224) -> Phantom:
    """Draw one frame: a pure function of its arguments.

    All geometry is in normalised coordinates, so another size shows the same scene; only the
    sensor's noise belongs to the pixels.

    Args:
        label: One of ``CLASSES``.
        seed: Not negative.
        size: Side in pixels, at least 32.

    Raises:
        ImageError: If the label is unknown, the seed negative or the size too small.
    """
    _check(label, seed, size)
    for attempt in range(8):
        phantom = _draw(label, seed, size, attempt)
        if label in ID_CLASSES or 0.004 < phantom.lesion.mean() < 0.75:
            break
    return phantom


def encode_phantom(phantom: Phantom) -> bytes:
    """Encode as the JPEG the chain would have stored, its quality drawn from the seed."""
    rng = np.random.default_rng([CLASSES.index(phantom.label), phantom.seed, 1])
    quality = int(rng.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
    buffer = io.BytesIO()
    Image.fromarray(phantom.pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def write_phantoms(
    out: Path,
    per_class: int,
    size: int = 224,
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write ``out/<class>/<class>-<seed>-<index>.jpg`` and return the paths in that order.

    A file that is there already is kept: files appear under their name only once complete.

    Args:
        out: Folder to write to, made if missing.
        per_class: Pictures per class.
        size: Side in pixels.
        seed: Seed of the whole set; sets of different seeds share no picture.
        classes: Which of ``CLASSES`` to write.
        on_progress: Called with the number done and the number in all after each picture.
    """
    for label in classes:
        _check(label, seed, size)
    paths = []
    for label in classes:
        folder = out / label
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(per_class):
            path = folder / f"{label}-{seed}-{index:05d}.jpg"
            if not path.exists():
                phantom = draw_phantom(label, _image_seed(seed, label, index), size)
                write_bytes(path, encode_phantom(phantom))
            paths.append(path)
            if on_progress is not None:
                on_progress(len(paths), per_class * len(classes))
    return paths


def contact_sheet(per_class: int = 6, size: int = 224, seed: int = 1) -> Image.Image:
    """Return a grid with one labelled row of pictures per class, marked as synthetic."""
    margin, header = max(size // 28, 4), max(size // 6, 14)
    row = header + size
    width = per_class * (size + margin) + margin
    title = header + margin
    sheet = Image.new("RGB", (width, title + len(CLASSES) * (row + margin)), (24, 24, 27))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=header * 0.5)
    words = "nero phantom: synthetic frames, no patient"
    draw.text((margin, margin), words, fill=(255, 255, 255), font=font)
    for number, label in enumerate(CLASSES):
        top = title + number * (row + margin)
        kind = "in-distribution" if label in ID_CLASSES else "out-of-distribution"
        draw.text((margin, top + header * 0.25), f"{label}: {kind}", fill=(212, 212, 216), font=font)
        for index in range(per_class):
            phantom = draw_phantom(label, _image_seed(seed, label, index), size)
            place = (margin + index * (size + margin), top + header)
            sheet.paste(Image.fromarray(phantom.pixels), place)
    return sheet


def _image_seed(seed: int, label: str, index: int) -> int:
    sequence = np.random.SeedSequence([seed, CLASSES.index(label), index])
    return int(sequence.generate_state(1, np.uint64)[0])


def _site_of(label: str, rng: np.random.Generator) -> Site:
    stomach = rng.random() < _STOMACH.get(label, 0.0)
    if label in ID_CLASSES:
        return _SITES[label](rng)
    if label == "esophagitis":
        return z_line(rng)
    return pylorus(rng) if stomach else colon(rng)


def _draw(label: str, seed: int, size: int, attempt: int) -> Phantom:
    rng = np.random.default_rng([CLASSES.index(label), seed, 0, attempt])
    anatomy, lesions, light, chain = rng.spawn(4)
    site = _site_of(label, anatomy)
    if label in LESIONS and anatomy.random() < 0.7:
        site.aim *= 1.9  # whoever looks at a lesion may let the landmark slip out of view
    view = aim(anatomy, site)
    frame = draw_frame(chain, size)
    coarse = first_pass(site.cavity, view)
    lesion = None
    if label in LESIONS:
        spot = find_spot(lesions, site.cavity, view, coarse)
        lesion = LESIONS[label](lesions, site, spot)
        coarse = first_pass(site.cavity, view)
    shown = np.flatnonzero(frame.ravel() > 0)
    x, y = (part.ravel()[shown] for part in pixel_grid(size))
    points = march(site.cavity, view, coarse, x, y)
    surface = survey(light, site, view, points, normals(site.cavity, points))
    colour, rough, share = paint(site, surface, lesion)
    values = expose(chain, shade(light, view, surface, colour, rough))
    picture = np.zeros((size * size, 3), dtype=np.float32)
    picture[shown] = values.T
    mask = np.zeros(size * size, dtype=np.bool_)
    mask[shown] = share > 0.5
    mask &= frame.ravel() > 0.5
    pixels = develop(chain, picture.reshape(size, size, 3), frame)
    return Phantom(pixels, mask.reshape(size, size), label, seed)


def _check(label: str, seed: int, size: int) -> None:
    if label not in CLASSES:
        raise ImageError(f"Expected one of the classes {', '.join(CLASSES)}; found {label!r}. Pass one of these names.")
    if seed < 0:
        raise ImageError(f"Expected a seed of 0 or more; found {seed}. Pass a whole number.")
    if size < SMALLEST:
        raise ImageError(f"Expected a size of at least {SMALLEST} pixels; found {size}. Draw it larger.")
