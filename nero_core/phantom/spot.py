"""Where a lesion of the phantom sits: a place in view, and distances along the wall from it."""

from dataclasses import dataclass

import numpy as np

from nero_core.phantom.anatomy import RIM, chart_grid
from nero_core.phantom.scene import ALONG, COARSE, Cavity, Field, View, normals


@dataclass(slots=True)
class Spot:
    """A place on the wall that the tip sees: point, inward normal, distance, chart position."""

    point: Field
    normal: Field
    depth: float
    u: float
    v: float


def find_spot(rng: np.random.Generator, cavity: Cavity, view: View, depth: Field) -> Spot:
    """Choose a place that is well in view: not at the picture's edge, not in the opening."""
    axis = np.linspace(-1, 1, COARSE, dtype=np.float32)
    x, y = (part.ravel() for part in np.meshgrid(axis, axis))
    rays, far = view.rays(x, y), depth.ravel()
    inside = (np.hypot(x, y) < 0.68) & ~((x < -0.3) & (y > 0.3)) & (far > 0.25) & (far < 2.4)
    points = view.origin[:, None] + rays * far
    u, v, _, _ = cavity.locate(points[0], points[1], points[2])
    inside &= np.hypot(u, v) > cavity.opening + 0.15
    if not inside.any():
        inside = np.hypot(x, y) < 0.6
    chosen = int(rng.choice(np.flatnonzero(inside)))
    ray, reach = rays[:, chosen : chosen + 1], far[chosen : chosen + 1].copy()
    for _ in range(8):
        reach += cavity.distance(*(view.origin[:, None] + ray * reach)) * np.float32(0.7)
    point = view.origin[:, None] + ray * reach
    normal = normals(cavity, point)
    u, v, _, _ = cavity.locate(point[0], point[1], point[2])
    return Spot(point[:, 0], normal[:, 0], float(reach[0]), float(u[0]), float(v[0]))


def wall_distance(cavity: Cavity, spot: Spot) -> Field:
    """Return the distance along the wall from the spot over the whole chart, in tube radii."""
    angle, way = chart_grid()
    way = way * np.float32(cavity.reach)
    home = float(np.hypot(spot.u, spot.v))
    if home < 1.0:
        du = way * np.cos(angle) - np.float32(spot.u)
        dv = way * np.sin(angle) - np.float32(spot.v)
        near: Field = np.hypot(du, dv)
        return near
    turn = angle - np.float32(np.arctan2(spot.v, spot.u))
    turn = (turn + np.pi) % np.float32(2 * np.pi) - np.float32(np.pi)
    lengthwise = (way - np.float32(home)) / np.float32(ALONG if home > RIM else 1.0)
    far: Field = np.hypot(turn, lengthwise)
    return far


def tangent_frame(normal: Field, angle: float) -> Field:
    """Return two tangents and the normal as the rows of a rotation."""
    helper = np.eye(3, dtype=np.float32)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    a = np.cos(angle) * first + np.sin(angle) * second
    b = np.cross(normal, a)
    return np.stack([a, b, normal]).astype(np.float32)
