"""The five lesions of the phantom, each set on a healthy site: what it does to wall and colour."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from nero_core.phantom.anatomy import Site, chart_grid, chart_noise, ring_noise
from nero_core.phantom.scene import HEIGHT, LESION, ZONE, Bulge, Field
from nero_core.phantom.spot import Spot, tangent_frame, wall_distance
from nero_core.phantom.tissue import GRAIN, MOTTLE, VESSELS, smoothstep


@runtime_checkable
class Lesion(Protocol):
    """A lesion that has been set on a wall and can colour it."""

    def paint(self, colour: Field, rough: Field, points: Field, mark: Field, coarse: Field, fine: Field) -> Field:
        """Change albedo and roughness in place and return the lesion's share of each pixel.

        Args:
            colour: Linear RGB albedo (3, pixels).
            rough: Strength of the wet film's relief (pixels).
            points: Where the rays met the wall (3, pixels).
            mark: The chart's LESION channel there.
            coarse: Tissue channels at vessel scale (pixels, channels).
            fine: Tissue channels at film scale.
        """


def _mix(colour: Field, share: Field, goal: Field) -> None:
    """Move the albedo towards a goal colour, (3, 1) or (3, pixels), in place."""
    colour += share * (goal - colour)


def _rgb(red: float, green: float, blue: float) -> Field:
    return np.array([[red], [green], [blue]], dtype=np.float32)


@dataclass(slots=True)
class Polyp:
    """A bulge with its own light, pits and vessels."""

    heads: list[Bulge]
    tint: Field
    strength: float
    pits: float

    @classmethod
    def settle(cls, rng: np.random.Generator, site: Site, spot: Spot, scale: float = 1.0) -> "Polyp":
        """Set one polyp on the wall: sessile, domed or on a stalk."""
        size = scale * spot.depth * rng.uniform(0.13, 0.5)
        rise = rng.uniform(0.35, 1.0)
        lift = size * rise * rng.uniform(0.1, 0.9)
        axes = tangent_frame(spot.normal, rng.uniform(0, np.pi))
        lean = axes[0] * rng.normal(0, 0.3) * lift
        centre = (spot.point + spot.normal * lift + lean).astype(np.float32)
        radii = np.array([size, size * rng.uniform(0.7, 1.0), size * rise], dtype=np.float32)
        head = Bulge(centre, axes, radii, size * rng.uniform(0.25, 0.8), float(rng.choice([0.03, 0.06, 0.1])))
        heads = [head]
        if rng.random() < 0.25:  # a second lobe
            shift = axes[0] * size * rng.uniform(0.7, 1.1) + axes[1] * size * rng.normal(0, 0.4)
            share = np.float32(rng.uniform(0.5, 0.85))
            heads.append(Bulge(centre + shift.astype(np.float32), axes, radii * share, size * 0.2, 0.0))
        site.cavity.bulges.extend(heads)
        pale, red = np.array([1.05, 1.5, 1.75]), np.array([0.95, 0.65, 0.85])
        tint = (site.colour * (pale + (red - pale) * rng.random()))[:, None].astype(np.float32)
        return cls(heads, tint, rng.uniform(0.35, 1.0), rng.uniform(0.03, 0.16))

    def paint(self, colour: Field, rough: Field, points: Field, mark: Field, coarse: Field, fine: Field) -> Field:
        """Tint the bulge and give it pits."""
        level = self.heads[0].level(*points)
        for head in self.heads[1:]:
            np.minimum(level, head.level(*points), out=level)
        share = smoothstep(1.3, 1.04, level)
        skin = self.tint * (1 + np.float32(self.pits) * (fine[:, GRAIN] + fine[:, MOTTLE]))
        skin[1:] *= 1 - np.float32(0.5) * fine[:, VESSELS]
        _mix(colour, share * np.float32(self.strength), skin)
        rough += np.float32(0.3) * share
        return share


@dataclass(slots=True)
class Esophagitis:
    """Red erosions that run upwards from the z-line, some with a whitish coat."""

    strength: float
    coat: float
    flush: float  # redness of the swollen wall between the erosions

    @classmethod
    def settle(cls, rng: np.random.Generator, site: Site, spot: Spot) -> "Esophagitis":
        """Draw the erosions into the chart, the first one at the spot's bearing."""
        chart = site.cavity.chart
        angle, way = chart_grid()
        above = -chart[ZONE]
        mark = np.zeros_like(above)
        noise = chart_noise(rng)
        bearing = float(np.arctan2(spot.v, spot.u))
        severity = rng.random() ** 0.6
        for number in range(1 + int(rng.integers(0, 2 + round(3 * severity)))):
            length = rng.uniform(0.3, 0.5 + 0.8 * severity)
            width = rng.uniform(0.07, 0.12 + 0.16 * severity)
            line = bearing if number == 0 else rng.uniform(-np.pi, np.pi)
            bow = np.float32(line) + np.float32(0.25 * rng.normal()) * above
            turn = (angle - bow + np.pi) % np.float32(2 * np.pi) - np.float32(np.pi)
            across = (turn + np.float32(0.05) * noise) * np.minimum(way * site.cavity.reach, 1)
            along = above / np.float32(length)
            taper = np.clip(1.15 - along, 0.05, 1) * np.float32(width)
            streak = np.exp(-((across / taper) ** 2)) * smoothstep(1.1, 0.8, along)
            np.maximum(mark, streak * smoothstep(-0.1, 0.0, above), out=mark)
        swollen = smoothstep(1.0, 0.0, above / np.float32(rng.uniform(0.5, 1.2))) * smoothstep(-0.1, 0.0, above)
        chart[LESION] = np.maximum(mark * (1 + np.float32(0.15) * noise), np.float32(0.2) * swollen)
        chart[HEIGHT] -= np.float32(0.025) * mark
        return cls(
            rng.uniform(0.5, 0.7 + 0.3 * severity), severity * rng.uniform(0.2, 1.0), severity * rng.uniform(0.2, 0.95)
        )

    def paint(self, colour: Field, rough: Field, points: Field, mark: Field, coarse: Field, fine: Field) -> Field:
        """Redden the erosions and coat their middle."""
        flush = np.clip(mark * 5, 0, 1) * np.float32(self.flush)
        _mix(colour, flush, _rgb(0.70, 0.22, 0.15) * (1 + np.float32(0.1) * coarse[:, MOTTLE]))
        uneven = mark + np.float32(0.08) * fine[:, MOTTLE]
        share = smoothstep(0.25, 0.6, uneven) * np.float32(self.strength)
        _mix(colour, share, _rgb(0.62, 0.11, 0.07) * (1 + np.float32(0.15) * coarse[:, MOTTLE]))
        coat = smoothstep(0.88, 1.15, uneven + np.float32(0.12) * fine[:, MOTTLE])
        _mix(colour, coat * np.float32(0.75 * self.coat), _rgb(0.78, 0.58, 0.38))
        rough += np.float32(0.5) * share
        return smoothstep(0.3, 0.45, mark)


@dataclass(slots=True)
class Colitis:
    """Granular, red, ulcerated mucosa under whitish exudate; the vessel net is lost."""

    strength: float
    ulcers: float
    bleeding: float
    grain: float

    @classmethod
    def settle(cls, rng: np.random.Generator, site: Site, spot: Spot) -> "Colitis":
        """Inflame the wall around the spot as far as the severity reaches."""
        severity = rng.random() ** 0.6
        chart = site.cavity.chart
        distance = wall_distance(site.cavity, spot)
        extent = np.float32(0.7 + 2.0 * severity * rng.random())
        noise = chart_noise(rng)
        mark = smoothstep(1.25, 0.6, distance / extent + np.float32(0.18) * noise)
        chart[LESION] = mark
        swelling = np.float32(0.03 + 0.05 * severity) * np.maximum(chart_noise(rng) + 0.3, 0)
        chart[HEIGHT] += mark * (swelling - np.float32(0.3 * severity) * chart[HEIGHT])
        return cls(
            rng.uniform(0.55, 0.75 + 0.25 * severity),
            rng.uniform(-0.4, 0.2 + 0.9 * severity),
            severity * rng.random(),
            rng.uniform(0.05, 0.14),
        )

    def paint(self, colour: Field, rough: Field, points: Field, mark: Field, coarse: Field, fine: Field) -> Field:
        """Redden, roughen, ulcerate and coat the marked wall."""
        share = mark * np.float32(self.strength)
        relief = fine[:, MOTTLE] + fine[:, GRAIN]
        _mix(colour, share, _rgb(0.66, 0.19, 0.13) * (1 + np.float32(self.grain) * relief))
        flecks = np.float32(0.6) * coarse[:, MOTTLE] + np.float32(0.55) * fine[:, MOTTLE]
        exudate = smoothstep(1.25, 1.7, flecks + np.float32(self.ulcers)) * mark
        _mix(colour, exudate * np.float32(0.85), _rgb(0.80, 0.66, 0.40))
        blood = smoothstep(1.5, 1.9, np.float32(self.bleeding) * 0.9 - flecks) * mark
        _mix(colour, blood * np.float32(0.8), _rgb(0.36, 0.03, 0.02))
        rough += np.float32(1.3) * share
        return smoothstep(0.35, 0.6, mark)


@dataclass(slots=True)
class Dye:
    """Indigo carmine in the mucosa, over a lifted polyp or round a cut base."""

    blue: Field
    strength: float
    polyp: Polyp | None = None
    base: float = 0.0
    base_colour: Field = field(default_factory=lambda: _rgb(0.72, 0.5, 0.4))

    @classmethod
    def lift(cls, rng: np.random.Generator, site: Site, spot: Spot) -> "Dye":
        """Raise a cushion under a polyp and stain it."""
        chart = site.cavity.chart
        distance = wall_distance(site.cavity, spot)
        extent = np.float32(spot.depth * rng.uniform(0.25, 0.65))
        noise = chart_noise(rng)
        lifted = np.exp(-((distance / extent + np.float32(0.1) * noise) ** 2))
        height = extent * np.float32(rng.uniform(0.3, 0.6))
        chart[HEIGHT] += height * lifted
        chart[LESION] = smoothstep(1.9, 0.8, distance / extent + np.float32(0.2) * noise)
        spot.point = (spot.point + spot.normal * height).astype(np.float32)
        polyp = Polyp.settle(rng, site, spot, scale=0.7) if rng.random() < 0.8 else None
        return cls(_blue(rng), rng.uniform(0.4, 1.0), polyp)

    @classmethod
    def cut(cls, rng: np.random.Generator, site: Site, spot: Spot) -> "Dye":
        """Cut a base into a stained cushion; its mark runs above 1 inside the base."""
        chart = site.cavity.chart
        angle, _ = chart_grid()
        extent = np.float32(spot.depth * rng.uniform(0.25, 0.5))
        inner = np.float32(rng.uniform(0.35, 0.65))
        outline = wall_distance(site.cavity, spot) / extent
        outline = outline + np.float32(0.09) * chart_noise(rng)
        outline = outline + np.float32(0.05) * ring_noise(rng, angle, 5, 0.5)
        cushion = np.exp(-((outline / 1.0) ** 2)) * extent * np.float32(rng.uniform(0.2, 0.4))
        base = smoothstep(float(inner) + 0.1, float(inner) - 0.06, outline)
        chart[HEIGHT] += cushion - base * extent * np.float32(rng.uniform(0.12, 0.28))
        chart[LESION] = smoothstep(2.0, 1.0, outline) + base
        tone = rng.random()
        colour = _rgb(0.95, 0.60, 0.48) * (1 - tone) + _rgb(0.85, 0.26, 0.18) * tone
        return cls(_blue(rng), rng.uniform(0.45, 1.0), None, 1.0, colour.astype(np.float32))

    def paint(self, colour: Field, rough: Field, points: Field, mark: Field, coarse: Field, fine: Field) -> Field:
        """Stain the wall and, where it is cut, lay the base open."""
        cover = np.minimum(mark, 1)
        uneven = np.float32(0.85) + np.float32(0.2) * coarse[:, MOTTLE]
        uneven += np.float32(0.06) * fine[:, MOTTLE]
        stain = cover * np.clip(uneven, 0.05, 1) * np.float32(self.strength)
        _mix(colour, stain, self.blue * (0.6 + colour.mean(axis=0)))
        share = smoothstep(0.25, 0.5, cover)
        if self.base:
            bare = smoothstep(1.3, 1.7, mark + np.float32(0.08) * fine[:, MOTTLE])
            floor = self.base_colour * (1 + np.float32(0.1) * coarse[:, MOTTLE])
            spots = smoothstep(0.9, 1.6, coarse[:, MOTTLE] + np.float32(0.5) * fine[:, MOTTLE])
            floor = floor + spots * (_rgb(0.5, 0.07, 0.05) - floor)
            _mix(colour, bare, floor + np.float32(0.05 * self.strength) * (self.blue - floor))
            rough += np.float32(0.6) * bare
        if self.polyp is not None:
            share = np.maximum(share, self.polyp.paint(colour, rough, points, mark, coarse, fine))
        return share


def _blue(rng: np.random.Generator) -> Field:
    tone = rng.random()
    blue: Field = _rgb(0.03, 0.17, 0.42) * tone + _rgb(0.04, 0.28, 0.32) * (1 - tone)
    return blue


LESIONS: dict[str, Callable[[np.random.Generator, Site, Spot], Lesion]] = {
    "polyps": Polyp.settle,
    "esophagitis": Esophagitis.settle,
    "ulcerative-colitis": Colitis.settle,
    "dyed-lifted-polyps": Dye.lift,
    "dyed-resection-margins": Dye.cut,
}
