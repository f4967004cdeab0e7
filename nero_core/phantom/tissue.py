"""Tileable tissue texture of the phantom: a branching vessel net, mottling and a wet film."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Field = NDArray[np.float32]

TILES = 4
TILE_SIZE = 512
# Channels of a tile, in order; the two slopes are the gradient of one wet film.
VESSELS, MOTTLE, GRAIN, SLOPE_U, SLOPE_V = range(5)


@lru_cache(maxsize=TILES)
def tissue_tile(number: int) -> Field:
    """Return one of the fixed tissue tiles.

    The tiles are constants of the module (each has its own fixed seed), so a picture that
    samples them at seeded offsets stays a pure function of its label, seed and size.

    Args:
        number: Which tile, 0 to ``TILES - 1``.

    Returns:
        (TILE_SIZE, TILE_SIZE, 5) array that repeats without a seam: vessels in [0, 1],
        mottling and grain with mean 0 and deviation 1, and the two slopes of the film.
    """
    rng = np.random.default_rng([271828, number])
    film = spectral_noise(rng, TILE_SIZE, low=3.0, high=26.0, slope=1.0)
    slope_u = np.roll(film, -1, axis=1) - np.roll(film, 1, axis=1)
    slope_v = np.roll(film, -1, axis=0) - np.roll(film, 1, axis=0)
    channels = [
        vessel_net(rng),
        spectral_noise(rng, TILE_SIZE, low=1.0, high=60.0, slope=1.5),
        spectral_noise(rng, TILE_SIZE, low=14.0, high=50.0, slope=0.5),
        slope_u / np.std(slope_u),
        slope_v / np.std(slope_v),
    ]
    tile = np.stack(channels, axis=-1).astype(np.float32)
    tile.setflags(write=False)
    return tile


def spectral_noise(rng: np.random.Generator, size: int, low: float, high: float, slope: float) -> Field:
    """Draw periodic noise with amplitude ``frequency ** -slope`` between two frequencies."""
    frequency = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    gain = np.where((radius >= low) & (radius <= high), np.maximum(radius, 1.0) ** -slope, 0.0)
    spectrum = np.fft.fft2(rng.standard_normal((size, size))) * gain
    noise = np.real(np.fft.ifft2(spectrum))
    return (noise / np.std(noise)).astype(np.float32)


def vessel_net(rng: np.random.Generator, size: int = TILE_SIZE, trunks: int = 13) -> Field:
    """Grow a net of tapering, winding, branching vessels that repeats without a seam."""
    scale = 2  # drawn at twice the size, then averaged: smooth edges
    sheet = Image.new("L", (size * scale, size * scale))
    draw = ImageDraw.Draw(sheet)
    step = size / 90
    # position x, y, heading, width, remaining steps
    sprouts = [(*rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi), rng.uniform(2.2, 3.6), 60) for _ in range(trunks)]
    while sprouts:
        x, y, heading, width, steps = sprouts.pop()
        turn = 0.0
        for left in range(int(steps), 0, -1):
            turn = 0.75 * turn + rng.normal(0.0, 0.09)
            heading += turn
            nx, ny = x + step * np.cos(heading), y + step * np.sin(heading)
            width *= 0.985
            ink = int(np.clip(70 + 55 * width, 0, 255))
            _draw_wrapped(draw, (x, y, nx, ny), width, ink, size, scale)
            x, y = nx, ny
            if width > 0.75 and rng.random() < 0.15:
                side = rng.choice([-1.0, 1.0]) * rng.uniform(0.45, 1.1)
                sprouts.append((x, y, heading + side, width * rng.uniform(0.5, 0.75), left * 0.7))
    net: Field = np.asarray(sheet.resize((size, size), Image.Resampling.BOX), dtype=np.float32)
    return net / np.float32(255)


def _draw_wrapped(
    draw: ImageDraw.ImageDraw,
    line: tuple[float, float, float, float],
    width: float,
    ink: int,
    size: int,
    scale: int,
) -> None:
    """Draw one line on a sheet whose edges are glued together."""
    x0, y0, x1, y1 = line
    shift_x, shift_y = (x0 // size) * size, (y0 // size) * size
    for dx in (0, size, -size):
        for dy in (0, size, -size):
            ends = (x0 - shift_x + dx, y0 - shift_y + dy, x1 - shift_x + dx, y1 - shift_y + dy)
            if max(ends) > -8 and min(ends) < size + 8:
                draw.line([scale * end for end in ends], fill=ink, width=round(width * scale))


def sample(tile: Field, row: Field, column: Field) -> Field:
    """Sample a periodic tile bilinearly at positions given in texels."""
    size = tile.shape[0]
    flat = tile.reshape(size * size, -1)
    row_floor, column_floor = np.floor(row), np.floor(column)
    down, right = (row - row_floor)[:, None], (column - column_floor)[:, None]
    top = row_floor.astype(np.intp) % size
    left = column_floor.astype(np.intp) % size
    below, beside = (top + 1) % size * size, (left + 1) % size
    top *= size
    upper = flat.take(top + left, axis=0)
    upper += right * (flat.take(top + beside, axis=0) - upper)
    lower = flat.take(below + left, axis=0)
    lower += right * (flat.take(below + beside, axis=0) - lower)
    lower -= upper
    lower *= down
    upper += lower
    result: Field = upper
    return result


def smoothstep(low: float, high: float, value: Field) -> Field:
    """Return 0 at low, 1 at high, a smooth step between and constants beyond; low may exceed high."""
    t: Field = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)
