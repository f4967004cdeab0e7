"""The video chain of the phantom: exposure, lens, sensor, black frame and printed marks."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from nero_core.phantom.scene import Field


@lru_cache(maxsize=4)
def pixel_grid(size: int) -> tuple[Field, Field]:
    """Return x and y of all pixel centres in [-1, 1], y downwards."""
    axis = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y


def draw_frame(rng: np.random.Generator, size: int) -> Field:
    """Draw the black octagon's opening, perhaps with the inset box: 1 = picture, 0 = black."""
    x, y = pixel_grid(size)
    wide, high = rng.uniform(0.93, 1.02), rng.uniform(0.93, 1.02)
    corner = rng.uniform(1.42, 1.62)
    shift = rng.uniform(-0.03, 0.03)
    edge = np.minimum(wide - np.abs(x - np.float32(shift)), high - np.abs(y))
    edge = np.minimum(edge, (corner - np.abs(x - np.float32(shift)) - np.abs(y)) * 0.7071)
    if rng.random() < 0.35:  # where the processor shows the scope's position
        right, top = rng.uniform(-0.5, -0.28), rng.uniform(0.3, 0.5)
        edge = np.minimum(edge, np.maximum(x - np.float32(right), np.float32(top) - y))
    frame: Field = np.clip(edge * np.float32(size / 2) + np.float32(0.5), 0, 1).astype(np.float32)
    return frame


def expose(rng: np.random.Generator, radiance: Field) -> Field:
    """Turn linear radiance (3, pixels) into display values in [0, 1] as the processor would."""
    balance = np.exp(rng.normal(0, [0.04, 0.035, 0.06])).astype(np.float32)
    radiance = radiance * balance[:, None]
    sample = radiance[:, :: max(1, radiance.shape[1] // 4000)]
    level = float(np.percentile(sample.mean(axis=0), rng.uniform(55, 80)))
    gain = rng.uniform(0.3, 0.7) / max(level, 1e-6)
    shown = radiance * np.float32(gain)
    # A soft shoulder; what is far too bright bleaches to white in all channels.
    spill = np.maximum(shown.max(axis=0) - 1, 0)
    shown += np.float32(0.25) * spill
    shown /= np.sqrt(1 + shown * shown)
    result: Field = np.power(shown, np.float32(1 / rng.uniform(1.3, 1.65)))
    return result


def develop(rng: np.random.Generator, picture: Field, frame: Field) -> NDArray[np.uint8]:
    """Pass a picture (height, width, 3) in [0, 1] through lens, sensor and overlay."""
    size = picture.shape[0]
    x, y = pixel_grid(size)
    vignette = 1 - np.float32(rng.uniform(0.0, 0.25)) * np.square(x * x + y * y) * np.float32(0.5)
    picture = picture * vignette[..., None]
    image = Image.fromarray((picture * 255 + 0.5).astype(np.uint8))
    offset = rng.normal(0, 0.002) * size
    if abs(offset) > 0.05:
        red, green, blue = image.split()
        red, blue = _zoom(red, offset), _zoom(blue, -offset)
        image = Image.merge("RGB", (red, green, blue))
    image = image.filter(ImageFilter.GaussianBlur(size * rng.uniform(0.0008, 0.005)))
    if rng.random() < 0.5:  # the processor's edge enhancement
        radius, percent = size * rng.uniform(0.004, 0.008), int(rng.integers(40, 110))
        image = image.filter(ImageFilter.UnsharpMask(radius, percent, 0))
    values = np.asarray(image, dtype=np.float32)
    noise = rng.uniform(0.8, 3.5)
    sensor = np.random.default_rng(rng.integers(2**63))
    grain = sensor.standard_normal((size, size, 1), dtype=np.float32)
    grain = grain + np.float32(0.5) * sensor.standard_normal(values.shape, dtype=np.float32)
    values = (values + np.float32(noise) * grain) * frame[..., None] + np.float32(2.0)
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    return _print_marks(rng, pixels) if rng.random() < 0.6 else pixels


def _zoom(channel: Image.Image, offset: float) -> Image.Image:
    """Scale one channel about the centre so that its edge moves by an offset in pixels."""
    size = channel.width
    factor = 1 + 2 * offset / size
    start = (1 - factor) * size / 2
    return channel.transform(
        channel.size,
        Image.Transform.AFFINE,
        (factor, 0, start, 0, factor, start),
        Image.Resampling.BILINEAR,
    )


def _print_marks(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Print the processor's small marks at the left edge: invented numbers, no person's."""
    size = pixels.shape[0]
    day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(2010, 2020)
    hour, minute, second = rng.integers(8, 18), rng.integers(60), rng.integers(60)
    lines = [
        f"{day:02d}/{month:02d}/{year}",
        f"{hour:02d}:{minute:02d}:{second:02d}",
        f"CVP:{rng.integers(1, 16)}",
        f"Q:N  Eh:A{rng.integers(1, 6)}",
    ]
    font = ImageFont.load_default(size=size * 0.032)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    left, top = size * rng.uniform(0.01, 0.03), size * rng.uniform(0.22, 0.45)
    ink = tuple(int(value) for value in rng.integers(190, 240, 1)) * 3
    for number, line in enumerate(lines):
        draw.text((left, top + number * size * 0.036), line, fill=ink, font=font)
    result: NDArray[np.uint8] = np.asarray(image)
    return result
