"""Anatomy of the phantom: a folded cavity as a signed distance, met by the endoscope's rays.

The wall is a bent tube of radius 1 with a rounded end, which may have an opening (pylorus,
cardia). Everything on the wall lives in one chart of the unfolded wall: polar coordinates
about the far pole, where the radius is the way along the wall.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]

CHART_SIZE = 256
# Channels of the chart: height of the wall into the cavity, and three painted fields.
HEIGHT, ZONE, LESION, DETAIL = range(4)
# The chart's way along the tube per unit of depth: the slope of the cap's chart at its rim.
ALONG = 0.7071
COARSE = 64  # rays per side of the first, conservative pass


@dataclass(slots=True)
class Bulge:
    """An ellipsoid that rises from the wall."""

    centre: Field
    axes: Field  # (3, 3), rows are unit directions
    radii: Field
    blend: float
    lobes: float

    def level(self, x: Field, y: Field, z: Field) -> Field:
        """Return the distance from the centre in radii: 1 on the surface."""
        px, py, pz = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        total = np.zeros_like(px)
        for axis, radius in zip(self.axes, self.radii, strict=True):
            part = (px * axis[0] + py * axis[1] + pz * axis[2]) / radius
            total += part * part
        level: Field = np.sqrt(total)
        if self.lobes:
            a, b = self.axes[0] / self.radii[0], self.axes[1] / self.radii[1]
            wave = np.sin(4.1 * (px * a[0] + py * a[1] + pz * a[2]) + 1.0)
            wave *= np.sin(4.7 * (px * b[0] + py * b[1] + pz * b[2]) + 2.0)
            level += np.float32(self.lobes) * wave
        return level


@dataclass(slots=True)
class Cavity:
    """The wall's shape. Lengths are in tube radii, depth runs from the tip to the far pole."""

    end: float
    flatness: float
    bend: tuple[float, float]
    opening: float
    chart: Field
    reach: float
    landmark: tuple[float, float] = (0.0, 0.0)
    bulges: list[Bulge] = field(default_factory=list)

    def locate(self, x: Field, y: Field, z: Field) -> tuple[Field, Field, Field, Field]:
        """Return chart coordinates u and v, the distance to the axis curve, and the cap's share."""
        x, y = self._straighten(x, y, z)
        square: Field = x * x
        square += y * y
        past = z - np.float32(self.end)
        cap = np.maximum(past, 0)
        cap *= np.float32(self.flatness)
        length = np.sqrt(square + cap * cap)
        radius = np.sqrt(square)
        radius += np.float32(1e-5)
        cosine = cap / (length + np.float32(1e-6))
        way = np.sqrt(2 - 2 * cosine + np.float32(1e-8))
        way -= np.float32(ALONG) * np.minimum(past, 0)
        np.minimum(way, np.float32(self.reach * 0.99), out=way)
        way /= radius
        return x * way, y * way, length, cosine

    def distance(self, x: Field, y: Field, z: Field) -> Field:
        """Return the distance from free space to the nearest wall, negative inside tissue."""
        u, v, length, _ = self.locate(x, y, z)
        free: Field = 1 - length
        free -= self.read(u, v, HEIGHT)
        if self.opening:
            px, py = self._straighten(x, y, z)
            hole = np.float32(self.opening) - np.sqrt(px * px + py * py)
            free = -blend_minimum(-free, -hole, 0.12)
        for bulge in self.bulges:
            gap = (bulge.level(x, y, z) - 1) * np.float32(bulge.radii.min())
            free = blend_minimum(free, gap, bulge.blend)
        return free

    def _straighten(self, x: Field, y: Field, z: Field) -> tuple[Field, Field]:
        ahead: Field = np.maximum(z, 0)
        ahead *= ahead
        straight_x: Field = x - np.float32(self.bend[0]) * ahead
        straight_y: Field = y - np.float32(self.bend[1]) * ahead
        return straight_x, straight_y

    def read(self, u: Field, v: Field, channel: int) -> Field:
        """Read one channel of the chart bilinearly."""
        scale = np.float32((CHART_SIZE - 1) / 2 / self.reach)
        column = u * scale
        column += np.float32((CHART_SIZE - 1) / 2)
        row = v * scale
        row += np.float32((CHART_SIZE - 1) / 2)
        left, top = column.astype(np.intp), row.astype(np.intp)
        column -= left
        row -= top
        top *= CHART_SIZE
        top += left
        flat = self.chart[channel].ravel()
        upper = flat.take(top)
        upper += column * (flat.take(top + 1) - upper)
        top += CHART_SIZE
        lower = flat.take(top)
        lower += column * (flat.take(top + 1) - lower)
        lower -= upper
        lower *= row
        upper += lower
        result: Field = upper
        return result

    def point(self, u: float, v: float) -> Field:
        """Return the point of the smooth wall at chart coordinates u, v."""
        way = max(float(np.hypot(u, v)), 1e-6)
        rim = float(np.sqrt(2.0))
        cosine = max(1 - way * way / 2, 0.0) if way < rim else 0.0
        sine = float(np.sqrt(1 - cosine * cosine))
        z = self.end + cosine / self.flatness - max(way - rim, 0.0) / ALONG
        ahead = max(z, 0.0) ** 2
        x = sine * u / way + self.bend[0] * ahead
        y = sine * v / way + self.bend[1] * ahead
        return np.array([x, y, z], dtype=np.float32)


@dataclass(slots=True)
class View:
    """Where the tip is and where it looks: origin, rotation and half the field of view."""

    origin: Field
    rotation: Field
    half_angle: float

    def rays(self, x: Field, y: Field) -> Field:
        """Return unit directions (3, pixels) of an equidistant lens at positions in [-1, 1]."""
        angle = np.hypot(x, y) * np.float32(self.half_angle)
        sinc = np.sinc(angle / np.pi).astype(np.float32) * np.float32(self.half_angle)
        local = np.stack([x * sinc, y * sinc, np.cos(angle)]).astype(np.float32)
        directions: Field = self.rotation @ local
        return directions


def blend_minimum(a: Field, b: Field, width: float) -> Field:
    """Return the minimum of a and b with a round transition of the given width."""
    share = np.abs(a - b)
    np.subtract(np.float32(width), share, out=share)
    np.maximum(share, 0, out=share)
    share *= share
    share *= np.float32(0.25 / width)
    result: Field = np.minimum(a, b)
    result -= share
    return result


def first_pass(cavity: Cavity, view: View, steps: int = 26) -> Field:
    """March a coarse grid of cones and return the depth (COARSE, COARSE) each reaches freely."""
    axis = np.linspace(-1, 1, COARSE, dtype=np.float32)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    rays = view.rays(x, y)
    depth = np.full(x.size, 0.02, dtype=np.float32)
    cone = np.float32(2.0 * view.half_angle / COARSE)
    for _ in range(steps):
        gap = cavity.distance(*(view.origin[:, None] + rays * depth))
        depth += np.maximum(gap * np.float32(0.6) - cone * depth, 0)
    return depth.reshape(COARSE, COARSE)


def march(cavity: Cavity, view: View, coarse: Field, x: Field, y: Field, steps: int = 24) -> Field:
    """Continue from the coarse pass along the rays at x, y and return the points (3, pixels)."""
    padded = np.pad(coarse, 1, mode="edge")
    rows = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    floor = np.minimum(np.minimum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    size = 2 * COARSE
    column = np.clip((x + 1) * np.float32((size - 1) / 2), 0, size - 1).astype(np.intp)
    row = np.clip((y + 1) * np.float32((size - 1) / 2), 0, size - 1).astype(np.intp)
    fine = np.asarray(Image.fromarray(floor).resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
    depth = fine[row, column]
    rays = view.rays(x, y)
    origin = view.origin[:, None]
    active = np.arange(x.size)
    for step in range(steps):
        ray = rays if active.size == x.size else rays[:, active]
        reach = depth[active]
        gap = cavity.distance(*(origin + ray * reach))
        depth[active] = reach + gap * np.float32(0.8 if step < 3 else 0.65)
        active = active[np.abs(gap) > np.float32(0.004) * (reach + np.float32(0.2))]
        if active.size == 0:
            break
    points: Field = origin + rays * depth
    return points


def normals(cavity: Cavity, points: Field, step: float = 0.035) -> Field:
    """Return unit normals (3, pixels) that point into the cavity."""
    x, y, z = points
    here = cavity.distance(x, y, z)
    width = np.float32(step)
    slope = np.stack(
        [
            cavity.distance(x + width, y, z) - here,
            cavity.distance(x, y + width, z) - here,
            cavity.distance(x, y, z + width) - here,
        ]
    )
    slope /= np.sqrt(np.einsum("ij,ij->j", slope, slope)) + np.float32(1e-6)
    result: Field = slope
    return result
