"""The sites of the phantom: cecum, pylorus, z-line, the colon of its lesions, and the view of each."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nero_core.phantom.scene import (
    ALONG,
    CHART_SIZE,
    DETAIL,
    HEIGHT,
    ZONE,
    Cavity,
    Field,
    View,
)
from nero_core.phantom.tissue import MOTTLE, TILE_SIZE, TILES, tissue_tile

TURNS = 2048  # steps of a function of the angle, finer than the chart at any way
RIM = float(np.sqrt(2.0))  # the chart's way at which the cap meets the tube


@dataclass(slots=True)
class Site:
    """A healthy site: its cavity and the colour and vessels of its wall."""

    cavity: Cavity
    colour: Field  # linear RGB albedo of the wall nearer the tip
    deep_colour: Field  # beyond the border kept in the chart's ZONE channel
    vessels: float
    mottling: float
    film: float
    aim: float  # how far from the picture's centre the landmark may lie, 1 = the edge
    residue: float = 0.0  # how much yellowish residue lies on the wall


@lru_cache(maxsize=1)
def chart_grid() -> tuple[Field, Field]:
    """Return the chart's angle and its way for a reach of 1."""
    axis = np.linspace(-1, 1, CHART_SIZE, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    return np.arctan2(v, u), np.hypot(u, v)


def chart_noise(rng: np.random.Generator) -> Field:
    """Return a smooth seeded field over the chart with mean 0 and deviation 1."""
    tile = tissue_tile(int(rng.integers(TILES)))[..., MOTTLE]
    row, column = rng.integers(0, TILE_SIZE, 2)
    span = np.arange(CHART_SIZE)
    noise: Field = tile[np.ix_((row + span) % TILE_SIZE, (column + span) % TILE_SIZE)]
    return noise


def smooth_noise(rng: np.random.Generator) -> Field:
    """Return a seeded field over the chart without detail: a quarter window, enlarged."""
    tile = tissue_tile(int(rng.integers(TILES)))[..., MOTTLE]
    span = np.arange(CHART_SIZE // 4 + 2)
    row, column = rng.integers(0, TILE_SIZE, 2)
    window = tile[np.ix_((row + span) % TILE_SIZE, (column + span) % TILE_SIZE)]
    side = CHART_SIZE // 4 + 1
    enlarged = Image.fromarray(window).resize(
        (CHART_SIZE, CHART_SIZE), Image.Resampling.BICUBIC, box=(0.5, 0.5, side, side)
    )
    return np.asarray(enlarged, dtype=np.float32)


def ring_noise(rng: np.random.Generator, angle: Field, harmonics: int, slope: float) -> Field:
    """Return a seeded periodic function of the angle with amplitudes ``k ** -slope``."""
    table = np.linspace(-np.pi, np.pi, TURNS + 1, dtype=np.float32)
    curve = np.zeros_like(table)
    for k in range(1, harmonics + 1):
        phase = rng.uniform(0, 2 * np.pi)
        curve += np.float32(rng.normal() * k**-slope) * np.sin(k * table + np.float32(phase))
    turn = (angle + np.float32(np.pi)) * np.float32(TURNS / (2 * np.pi))
    ring: Field = curve.take(turn.astype(np.intp), mode="clip")
    return ring


def mucosa(rng: np.random.Generator, pink: float) -> Field:
    """Draw a mucosa albedo between orange (0) and pink (1), linear RGB."""
    share = float(np.clip(pink + rng.normal(0, 0.15), -0.15, 1.3))
    orange, rose = np.array([0.80, 0.235, 0.07]), np.array([0.76, 0.235, 0.155])
    colour: Field = (orange + share * (rose - orange)).astype(np.float32)
    return colour * np.float32(rng.uniform(0.9, 1.08))


def folds(rng: np.random.Generator, angle: Field, way: Field, first: float, gap: float, height: float) -> Field:
    """Return semicircular folds across the way: tilted, wavy, each on a part of the ring."""
    total = np.zeros_like(way)
    warp = np.float32(0.05) * smooth_noise(rng)
    place = first
    while place < way.max() * 0.8:
        middle = np.float32(rng.uniform(-np.pi, np.pi))
        line = place + ring_noise(rng, angle, 4, 1.0) * np.float32(0.16) + warp
        width = np.float32(rng.uniform(0.06, 0.13))
        part = np.clip(np.cos(angle - middle) * rng.uniform(0.6, 1.2) + rng.uniform(-0.25, 0.55), 0, 1)
        offset = (way - line) / width
        ridge = 1 / (1 + offset * offset * (1 + np.float32(0.4) * offset * offset))
        np.maximum(total, np.float32(height * rng.uniform(0.5, 1.1)) * part * ridge, out=total)
        place += gap * rng.uniform(0.6, 1.4)
    return total


def cecum(rng: np.random.Generator) -> Site:
    """Draw a cecum: a blind pouch, the appendix orifice as a slit among converging folds."""
    end = rng.uniform(0.5, 1.7)
    reach = RIM + ALONG * (end + 0.9)
    angle, way = chart_grid()
    way = way * np.float32(reach)
    u, v = way * np.cos(angle), way * np.sin(angle)
    height = folds(rng, angle, way, rng.uniform(1.0, 1.5), rng.uniform(0.3, 0.65), 0.26)
    height += np.float32(0.055) * smooth_noise(rng) * np.minimum(way, 1)

    # The orifice: an arc-shaped groove, a low crescent lip on its outer side, converging folds.
    bearing, offset = rng.uniform(-np.pi, np.pi), rng.uniform(0, 0.55)
    cu, cv = offset * np.cos(bearing), offset * np.sin(bearing)
    du, dv = u - np.float32(cu), v - np.float32(cv)
    local, turn = np.hypot(du, dv), np.arctan2(dv, du)
    facing = np.float32(rng.uniform(-np.pi, np.pi))
    around = np.cos(turn - facing)
    bow = np.float32(rng.uniform(0.09, 0.24))
    shape = np.float32(rng.uniform(0.05, 0.085))
    open_part = np.clip(around * rng.uniform(0.9, 1.4) + rng.uniform(-0.2, 0.5), 0, 1)
    groove = open_part * np.exp(-(((local - bow) / shape) ** 2))
    lip = np.clip(around + 0.5, 0, 1) * np.exp(-(((local - bow - 0.13) / 0.08) ** 2))
    height += np.float32(0.09) * lip - np.float32(0.26) * groove
    spokes = int(rng.integers(3, 6))
    star = ring_noise(rng, turn, 4, 0.8) * np.float32(0.5)
    star = np.clip(np.cos(spokes * turn + star * 2 + rng.uniform(0, 6)), 0, 1) ** 2
    star *= np.exp(-(((local - 0.75) / 0.4) ** 2))
    height += np.float32(rng.uniform(0.05, 0.17)) * star
    ring = np.clip(np.cos(turn - facing + rng.normal(0, 0.8)) * 0.8 + 0.3, 0, 1)
    ring *= np.exp(-(((local - rng.uniform(0.42, 0.62)) / 0.09) ** 2))
    height += np.float32(rng.uniform(0.04, 0.16)) * ring

    cavity = _cavity(rng, height, end, rng.uniform(0.9, 1.6), 0.0, reach)
    cavity.chart[DETAIL] = groove
    cavity.landmark = (float(cu), float(cv))
    colour = mucosa(rng, 0.1)
    return Site(
        cavity,
        colour=colour,
        deep_colour=colour,
        vessels=rng.uniform(0.5, 1.15),
        mottling=rng.uniform(0.04, 0.11),
        film=rng.uniform(0.6, 1.1),
        aim=0.65,
        residue=_residue(rng, 0.35),
    )


def colon(rng: np.random.Generator) -> Site:
    """Draw a lesion's usual place: built like the cecum, its hue and vessels anywhere between the sites'."""
    site = cecum(rng)
    site.colour = site.deep_colour = mucosa(rng, rng.uniform(0.2, 0.9))
    site.vessels *= rng.uniform(0.1, 1.0)
    return site


def pylorus(rng: np.random.Generator) -> Site:
    """Draw a pylorus: a round opening in a smooth ring, the antrum's folds run towards it."""
    end = rng.uniform(0.6, 1.4)
    reach = RIM + ALONG * (end + 0.9)
    opening = rng.uniform(0.14, 0.36)
    angle, way = chart_grid()
    way = way * np.float32(reach)
    wobble = 1 + np.float32(0.06) * ring_noise(rng, angle, 4, 1.0)
    place = np.float32(opening + rng.uniform(0.08, 0.15))
    height = np.float32(rng.uniform(0.06, 0.16)) * np.exp(-(((way * wobble - place) / 0.11) ** 2))
    groove = np.exp(-(((way * wobble - place - 0.24) / 0.1) ** 2))
    height -= np.float32(rng.uniform(0.0, 0.06)) * groove
    if rng.random() < 0.5:  # the antrum's own contraction: one or two broad rings
        height += folds(rng, angle, way, rng.uniform(0.7, 1.4), rng.uniform(0.8, 1.4), 0.16)
    spokes = int(rng.integers(4, 8))
    phase = ring_noise(rng, angle, 4, 0.7)
    star = np.cos(spokes * angle + 1.4 * phase + np.float32(0.5) * chart_noise(rng))
    star = np.clip(star * 0.7 + 0.1, 0, 1) * np.clip((way - place - 0.05) / 0.4, 0, 1)
    height += np.float32(rng.uniform(0.0, 0.12)) * star
    height += np.float32(0.04) * chart_noise(rng) * np.clip((way - place) / 0.6, 0, 1)
    height *= np.clip((way - opening * 0.4) / 0.1, 0, 1)
    cavity = _cavity(rng, height, end, rng.uniform(0.6, 1.3), opening, reach)
    colour = mucosa(rng, 1.0)
    return Site(
        cavity,
        colour=colour,
        deep_colour=colour,
        vessels=rng.uniform(0.0, 0.1),
        mottling=rng.uniform(0.05, 0.13),
        film=rng.uniform(0.6, 1.1),
        aim=0.65,
        residue=_residue(rng, 0.2),
    )


def z_line(rng: np.random.Generator) -> Site:
    """Draw a z-line: pale gullet mucosa meets redder stomach mucosa in a border with tongues."""
    end = rng.uniform(0.5, 1.2)
    reach = RIM + ALONG * (end + 0.9)
    opening = rng.uniform(0.08, 0.42)
    angle, way = chart_grid()
    way = way * np.float32(reach)
    spokes = int(rng.integers(3, 7))
    phase = ring_noise(rng, angle, 4, 0.8)
    star = np.cos(spokes * angle + 1.6 * phase + np.float32(0.35) * chart_noise(rng))
    star = np.clip(star * 0.75 + 0.2, 0, 1) * np.clip((way - opening) / 0.5, 0, 1)
    star *= np.clip(1.7 - way / (RIM + 0.4), 0.25, 1)
    height = np.float32(rng.uniform(0.08, 0.26)) * star
    height += np.float32(0.03) * chart_noise(rng) * np.clip((way - opening) / 0.5, 0, 1)
    height *= np.clip((way - opening * 0.4) / 0.1, 0, 1)
    border = np.float32(opening + rng.uniform(0.45, 1.1)) + ring_noise(rng, angle, 3, 1.0) * 0.12
    tongues = np.maximum(ring_noise(rng, angle, 11, 0.2), 0)
    border = border + np.float32(rng.uniform(0.06, 0.16)) * tongues
    border = border + np.float32(0.035) * chart_noise(rng)
    cavity = _cavity(rng, height, end, rng.uniform(0.5, 0.9), opening, reach)
    cavity.chart[ZONE] = border - way
    base = mucosa(rng, 0.7)
    pale = base * np.array([0.98, 1.5, 1.75], dtype=np.float32)
    red = base * rng.normal([1.02, 0.92, 0.92], 0.07).astype(np.float32)
    return Site(
        cavity,
        colour=pale,
        deep_colour=red,
        vessels=rng.uniform(0.1, 0.45),
        mottling=rng.uniform(0.04, 0.1),
        film=rng.uniform(0.5, 1.0),
        aim=0.6,
        residue=_residue(rng, 0.1),
    )


def aim(rng: np.random.Generator, site: Site) -> View:
    """Place the tip off the axis and turn it so that the landmark lies in the picture."""
    half_angle = rng.uniform(0.95, 1.15)
    shift, bearing = 0.45 * np.sqrt(rng.random()), rng.uniform(-np.pi, np.pi)
    origin = np.array([shift * np.cos(bearing), shift * np.sin(bearing), 0.0], dtype=np.float32)
    target = site.cavity.point(*site.cavity.landmark) - origin
    target = target / np.linalg.norm(target)
    # Anywhere but in the bottom-left corner, where the frame's inset box may cover it.
    away, spot = site.aim * np.sqrt(rng.random()), rng.uniform(-np.pi, 0.4 * np.pi)
    if away < 0.35:
        spot = rng.uniform(-np.pi, np.pi)
    angle = away * half_angle
    seen = np.array([np.sin(angle) * np.cos(spot), np.sin(angle) * np.sin(spot), np.cos(angle)])
    rotation = _turn(seen, target) @ _roll(seen, rng.uniform(-np.pi, np.pi))
    return View(origin, rotation.astype(np.float32), half_angle)


def _residue(rng: np.random.Generator, chance: float) -> float:
    return float(rng.uniform(0.3, 0.9)) if rng.random() < chance else 0.0


def _turn(start: NDArray[np.float64], goal: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rotation that carries one unit direction to another the short way."""
    axis = np.cross(start, goal)
    cosine = float(start @ goal)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: NDArray[np.float64] = np.eye(3) + cross + cross @ cross / max(1 + cosine, 1e-3)
    return rotation


def _roll(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Return the rotation about a unit axis."""
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def _cavity(
    rng: np.random.Generator,
    height: Field,
    end: float,
    flatness: float,
    opening: float,
    reach: float,
) -> Cavity:
    chart = np.zeros((4, CHART_SIZE, CHART_SIZE), dtype=np.float32)
    chart[HEIGHT] = np.minimum(height, 0.55)
    chart[ZONE] = -1.0
    bend = rng.normal(0, 0.09, 2)
    return Cavity(end, flatness, (float(bend[0]), float(bend[1])), opening, chart, reach)
