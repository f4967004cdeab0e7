"""Light and colour of the phantom: a wet wall lit from the endoscope's own tip."""

from dataclasses import dataclass

import numpy as np

from nero_core.phantom.anatomy import Site
from nero_core.phantom.lesions import Lesion
from nero_core.phantom.scene import ALONG, DETAIL, LESION, ZONE, Field, View
from nero_core.phantom.tissue import (
    GRAIN,
    MOTTLE,
    SLOPE_U,
    SLOPE_V,
    TILES,
    VESSELS,
    sample,
    smoothstep,
    tissue_tile,
)


@dataclass(slots=True)
class Surface:
    """What the rays met: points, normals, chart position and the tissue texture there."""

    points: Field
    normals: Field
    u: Field
    v: Field
    coarse: Field  # tissue channels at vessel scale
    fine: Field  # tissue channels at film scale
    tangents: tuple[Field, Field]


def survey(rng: np.random.Generator, site: Site, view: View, points: Field, normal: Field) -> Surface:
    """Look up chart coordinates and tissue texture at the points the rays met."""
    cavity = site.cavity
    x, y, z = points
    u, v, _, cosine = cavity.locate(x, y, z)
    tile = tissue_tile(int(rng.integers(TILES)))
    film = tissue_tile(int(rng.integers(TILES)))
    offsets = rng.uniform(0, tile.shape[0], 4).astype(np.float32)
    coarse = np.empty((x.size, tile.shape[2]), dtype=np.float32)
    fine = np.empty_like(coarse)
    size = np.float32(tile.shape[0])
    tube = cosine < 0.35
    cap = ~tube
    angle = np.arctan2(v[tube], u[tube])
    along = (np.hypot(u[tube], v[tube]) - np.float32(1.14)) / np.float32(ALONG)
    for goal, source, repeats in ((coarse, tile, 3), (fine, film, 5)):
        around = angle * (size * np.float32(repeats / (2 * np.pi)))
        way = along * (size * np.float32(repeats / (2 * np.pi)))
        goal[tube] = sample(source, way + offsets[0], around + offsets[1])
        scale = size * np.float32(repeats / (2 * np.pi))
        goal[cap] = sample(source, u[cap] * scale + offsets[2], v[cap] * scale + offsets[3])
    for bulge in cavity.bulges:  # its own skin: the wall's would be drawn out along its sides
        skin = np.flatnonzero(bulge.level(x, y, z) < 1.12)
        local = view.rotation.T @ (points[:, skin] - bulge.centre[:, None])
        for goal, source, repeats in ((coarse, tile, 4), (fine, film, 7)):
            scale = size * np.float32(repeats / (2 * np.pi))
            goal[skin] = sample(source, local[0] * scale + offsets[0], local[1] * scale + offsets[1])
    # Far away the finest detail is below the lens's resolution: fade it instead of aliasing.
    fine *= np.minimum(np.float32(1.3) / (x * x + y * y + z * z + np.float32(0.1)), 1)[:, None]
    radius = np.sqrt(x * x + y * y) + np.float32(1e-5)
    flat = np.zeros_like(x)
    around_x = np.stack([np.where(tube, -y / radius, 1), np.where(tube, x / radius, 0), flat])
    along_z = np.stack([flat, np.where(tube, 0, 1), np.where(tube, 1, 0)]).astype(np.float32)
    return Surface(points, normal, u, v, coarse, fine, (around_x.astype(np.float32), along_z))


def paint(site: Site, surface: Surface, lesion: Lesion | None) -> tuple[Field, Field, Field]:
    """Return the albedo (3, pixels), the film's roughness and the lesion's share of each pixel."""
    cavity = site.cavity
    mottle, grain = surface.coarse[:, MOTTLE], surface.fine[:, GRAIN]
    zone = cavity.read(surface.u, surface.v, ZONE)
    zone += np.float32(0.02) * surface.fine[:, MOTTLE] + np.float32(0.012) * grain
    deep = smoothstep(-0.05, 0.05, zone)
    colour = site.colour[:, None] + (site.deep_colour - site.colour)[:, None] * deep
    net = surface.coarse[:, VESSELS] * np.float32(site.vessels) * (1 - np.float32(0.8) * deep)
    net += np.float32(0.25 * site.vessels) * surface.fine[:, VESSELS]
    shade = 1 + np.float32(site.mottling) * mottle
    shade += np.float32(0.02) * grain * (1 + 3 * deep)
    blush = np.float32(site.mottling) * (surface.fine[:, MOTTLE] + mottle)
    colour = colour * shade
    colour[0] *= np.exp(np.float32(-0.35) * net)
    colour[1] *= np.exp(np.float32(-1.5) * net - blush)
    colour[2] *= np.exp(np.float32(-1.3) * net - np.float32(0.8) * blush)
    colour *= 1 - np.float32(0.75) * np.minimum(cavity.read(surface.u, surface.v, DETAIL), 1)
    rough = np.full_like(zone, site.film)
    rough += np.float32(0.4) * deep
    if site.residue:
        pool = smoothstep(1.5, 2.3, mottle + np.float32(0.35) * surface.fine[:, MOTTLE])
        pool *= np.float32(site.residue)
        colour += pool * (np.array([[0.72], [0.46], [0.10]], dtype=np.float32) - colour)
    share = np.zeros_like(zone)
    if lesion is not None:
        field = cavity.read(surface.u, surface.v, LESION)
        share = lesion.paint(colour, rough, surface.points, field, surface.coarse, surface.fine)
    np.clip(colour, 0.01, 0.98, out=colour)
    return colour, rough, share


def shade(rng: np.random.Generator, view: View, surface: Surface, colour: Field, rough: Field) -> Field:
    """Return linear radiance (3, pixels): Lambert over the squared distance, glow, highlights."""
    slope_u, slope_v = surface.fine[:, SLOPE_U], surface.fine[:, SLOPE_V]
    around, along = surface.tangents
    bump = around * slope_u + along * slope_v
    wrinkle = around * surface.coarse[:, SLOPE_U] + along * surface.coarse[:, SLOPE_V]
    normal = surface.normals + bump * (np.float32(0.06) * rough) + wrinkle * np.float32(rng.uniform(0.02, 0.08))
    to_eye = view.origin[:, None] - surface.points
    side = view.rotation @ np.array([rng.normal(0, 0.05), rng.normal(0, 0.05), 0], np.float32)
    to_light = to_eye + side[:, None].astype(np.float32)
    squared = np.einsum("ij,ij->j", to_light, to_light) + np.float32(0.02)
    distance = np.sqrt(squared)
    lambert = np.einsum("ij,ij->j", normal, to_light) / distance
    np.clip(lambert, -0.02, 1, out=lambert)
    # Tissue is translucent: light wraps round a fold's rim instead of leaving a black line.
    lambert = (lambert + np.float32(0.35)) * np.float32(1 / 1.35)
    light = lambert / (squared + np.float32(0.08))
    # Light that already met the wall once: weaker, flatter, redder.
    glow = np.float32(0.07) / (np.float32(0.5) + squared * np.sqrt(squared))
    radiance = colour * (light + glow * colour)
    relief = np.float32(rng.uniform(0.06, 0.11)) * rough / (np.float32(0.6) + np.float32(0.4) * squared)
    wet = surface.normals + bump * relief
    wet /= np.sqrt(np.einsum("ij,ij->j", wet, wet))
    eye = to_eye / np.sqrt(np.einsum("ij,ij->j", to_eye, to_eye))
    facing = np.einsum("ij,ij->j", wet, eye)
    facing += np.float32(0.003) * (surface.coarse[:, MOTTLE] - 1)
    edge = rng.uniform(0.986, 0.993)
    glint = smoothstep(edge, edge + 0.6 * (1 - edge), facing) * np.float32(rng.uniform(0.5, 1.5))
    sheen = np.clip(facing, 0, 1) ** 24 * np.float32(0.015)
    radiance += (glint + sheen) / (squared + np.float32(0.15))
    result: Field = radiance
    return result
