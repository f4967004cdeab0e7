"""How unlike those of the fit images each patch of an image is, at one stage of the network.

A patch is one position of a stage's map, brought to unit length, so that a lamp that is nearer or farther changes
little; maps finer than 16 pixels are averaged over 3 × 3 positions first. Two distances ask whether it is usual: from
what stands at this *place* in the fit images, and from the *nearest* patch anywhere in them. A patch is unlike them as
far as both say so.

Reference:
    Defard et al., PaDiM, ICPR Workshops 2021 (a Gaussian at each position); Roth et al., PatchCore, CVPR 2022 (distance
    to a coreset of patches); Pickands, Annals of Statistics 1975 (excesses over a high threshold are exponential).
Differs:
    One covariance for all positions, whose whitening both distances share; patches have unit length; stages are not
    concatenated but scaled by what images outside the fit exceed, and added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from nero_core.errors import CalibrationError

WIDEST = 128  # directions a patch is compared in; PaDiM: random ones do as well as all
SHRINKAGE = 0.01  # of the covariance towards the scaled identity; ten times less or more changes little
CORESET = 2_000  # patches that are kept
POOL = 20_000  # patches that the coreset is chosen from
LIMIT = 0.97  # share of ID patches that are usual by one distance; by both, about 99 % are
FINE = 16  # pixels a position; finer maps are averaged over their neighbours
_PRIOR = 10  # images
_LEAST = 1e-6  # distance, so that it has a logarithm, and deviation


@dataclass(frozen=True, slots=True)
class PatchStage:
    """What a stage's patches are compared with. Values are those of float16 and float32, as files hold them.

    Attributes:
        whitening: A; a patch x of unit length is compared as ``Aᵀx``, whose covariance around its place is 1.
        places: ``Aᵀμ`` of the mean patch μ at each position.
        coreset: whitened fit patches that cover all of them.
        usual: mean and deviation, at each position, of the logarithm of the distance to the place, over ID images
            outside the fit.
        limits: what the share ``LIMIT`` of patches of these images stays below: of that logarithm, standardised at its
            position, and of the logarithm of the distance to the nearest patch.
        excess: mean of what the others exceed it by, > 0.
    """

    whitening: Float[Tensor, "channels directions"]
    places: Float[Tensor, "rows columns directions"]
    coreset: Float[Tensor, "patches directions"]
    usual: Float[Tensor, "2 rows columns"]
    limits: Float[Tensor, " 2"]
    excess: Float[Tensor, " 2"]

    def log_distances(self, patches: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "2 batch _ _"]:
        """Logarithms of the distance of each patch to its place and to the nearest patch of the coreset.

        Args:
            patches: of ``unit_patches``.
        """
        white = patches.permute(0, 2, 3, 1) @ self.whitening
        place = torch.linalg.vector_norm(white - self.places, dim=-1)
        flat = white.reshape(-1, white.shape[-1])
        nearest = torch.cat([torch.cdist(rows, self.coreset).amin(dim=1) for rows in flat.split(4096)])
        return torch.stack([place, nearest.reshape(place.shape)]).clamp_min(_LEAST).log()

    def unlikeness(self, log_distances: Float[Tensor, "2 batch rows columns"]) -> Float[Tensor, "batch rows columns"]:
        """``min_i max(z_i − t_i, 0)/β_i``, where ``z`` is the logarithm of the distance, standardised at its position
        for the distance to the place: 0 for what is usual by either distance; 1 = as far beyond the limit as the
        unusual patches of ID images are on average.
        """
        beyond = self._standardised(log_distances) - self.limits.view(2, 1, 1, 1)
        return (beyond / self.excess.view(2, 1, 1, 1)).clamp_min(0).amin(dim=0)

    def with_limits(self, log_distances: Float[Tensor, "2 images rows columns"]) -> "PatchStage":
        """The stage with what is usual in ID images that were not fitted on, of which these are the distances.

        Where they are few, their mean and deviation at a position are drawn to those of all positions, as if
        ``_PRIOR`` more images had these.
        """
        place, images = log_distances[0].double(), log_distances.shape[1]
        mean, variance = place.mean(dim=0), place.var(dim=0, correction=0)
        mean = (images * mean + _PRIOR * place.mean()) / (images + _PRIOR)
        variance = (images * variance + _PRIOR * place.var(correction=0)) / (images + _PRIOR)
        usual = torch.stack([mean, variance.sqrt().clamp_min(_LEAST)]).float()
        stage = replace(self, usual=usual)
        values = stage._standardised(log_distances).flatten(start_dim=1)
        limits = values.kthvalue(min(values.shape[1], int(LIMIT * values.shape[1]) + 1), dim=1).values
        beyond = [kind[kind > limit] - limit for kind, limit in zip(values, limits, strict=True)]
        excess = [part.mean() if len(part) else torch.tensor(1.0) for part in beyond]  # no excess: any unit will do
        return replace(stage, limits=limits, excess=torch.stack(excess))

    def _standardised(self, log_distances: Float[Tensor, "2 batch rows columns"]) -> Float[Tensor, "2 batch _ _"]:
        place, nearest = log_distances
        return torch.stack([(place - self.usual[0]) / self.usual[1], nearest])

    def to(self, device: torch.device) -> "PatchStage":
        """The same on another device."""
        return PatchStage(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class PatchModel:
    """What the patches of an image are compared with, at all stages, and how its map is read.

    Attributes:
        stages: by name, from the finest.
        level: of the smoothed map; what is above counts as unlike.
        usual: share of ID images outside the fit that is above it.
        limit: colour limit of the smoothed map, > 0.
    """

    stages: Mapping[str, PatchStage]
    level: float
    usual: float
    limit: float

    def sigma(self, size: tuple[int, int]) -> float:
        """Standard deviation, in pixels, that a map is smoothed with: 3/8 of the coarsest stage's grid."""
        return 0.375 * size[0] / min(stage.places.shape[0] for stage in self.stages.values())

    def map(
        self, maps: Mapping[str, Float[Tensor, "batch _ rows columns"]], size: tuple[int, int]
    ) -> Float[Tensor, "batch height width"]:
        """``Σ_s u_s``, the unlikeness of the patches, upsampled bilinearly; ≥ 0.

        Args:
            maps: of ``Classifier.patches``.
            size: height and width of the image.
        """
        found = {name: stage.log_distances(unit_patches(maps[name], size)) for name, stage in self.stages.items()}
        return unlikeness_map(self.stages, found, size)

    def to(self, device: torch.device) -> "PatchModel":
        """The same on another device."""
        return replace(self, stages={name: stage.to(device) for name, stage in self.stages.items()})


def unlikeness_map(
    stages: Mapping[str, PatchStage], log_distances: Mapping[str, Float[Tensor, "2 batch _ _"]], size: tuple[int, int]
) -> Float[Tensor, "batch height width"]:
    """The same of distances that are known already."""
    by_stage = [stage.unlikeness(log_distances[name]) for name, stage in stages.items()]
    return torch.stack([_upsampled(part, size) for part in by_stage]).sum(dim=0)


def _upsampled(grid: Float[Tensor, "batch rows columns"], size: tuple[int, int]) -> Tensor:
    upsampled: Tensor = functional.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)
    return upsampled[:, 0]


def unit_patches(
    maps: Float[Tensor, "batch channels rows columns"], size: tuple[int, int]
) -> Float[Tensor, "batch channels rows columns"]:
    """The patches of a stage: of unit length, and averaged over 3 × 3 where the map is finer than 16 pixels.

    Args:
        maps: of the stage.
        size: height and width of the image, in pixels.
    """
    patches: Tensor = functional.normalize(maps.float(), dim=1)
    if size[0] < FINE * maps.shape[2]:
        patches = functional.avg_pool2d(patches, 3, 1, 1, count_include_pad=False)
    return patches


class PatchFit:
    """Gathers the patches of one stage over the fit images, in memory that does not grow with their number.

    Args:
        images: how many will come.
        seed: of the patches that are drawn for the coreset, and of the directions of a wide stage.
        pool: patches that the coreset is chosen from.
    """

    def __init__(self, images: int, seed: int = 0, pool: int = POOL) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._each = -(-pool // max(images, 1))
        self._directions: Tensor | None = None
        self._sum: Tensor | None = None
        self._square: Tensor | None = None
        self._count = 0
        self._drawn: list[Tensor] = []

    def add(self, patches: Float[Tensor, "batch channels rows columns"]) -> None:
        """Take the patches of some more fit images."""
        rows = patches.cpu().permute(0, 2, 3, 1)
        if self._directions is None:
            self._directions = self._draw_directions(rows.shape[-1])
        rows = rows @ self._directions
        flat = rows.reshape(len(rows), -1, rows.shape[-1])
        exact = flat.double()
        total, square = exact.sum(dim=0), torch.einsum("bpi,bpj->ij", exact, exact)
        self._sum = total if self._sum is None else self._sum + total
        self._square = square if self._square is None else self._square + square
        self._grid, self._count = rows.shape[1:3], self._count + len(rows)
        for image in flat:
            self._drawn.append(image[torch.randperm(len(image), generator=self._generator)[: self._each]])

    def finish(self, coreset: int = CORESET) -> PatchStage:
        """Whitening, places and coreset of the patches that came; its limits come from ``with_limits``.

        Args:
            coreset: patches to keep.

        Raises:
            CalibrationError: no patches came, or none that differ within a place.
        """
        if self._sum is None or self._square is None or self._directions is None:
            raise CalibrationError("Expected fit images for the patches. Found none. Add ID images.")
        means = self._sum / self._count
        scatter = self._square - self._count * means.T @ means
        covariance = scatter / (self._count * len(means))
        values, vectors = torch.linalg.eigh(covariance)
        level = float(values.clamp_min(0).mean())
        if level <= 1e-12:  # of patches of unit length: rounding
            raise CalibrationError(
                "Expected fit images whose patches differ. Found equal ones at each place. Add ID images."
            )
        scale = ((1 - SHRINKAGE) * values.clamp_min(0) + SHRINKAGE * level).rsqrt()
        whitening = _as_stored(self._directions.double() @ (vectors * scale))
        back = self._directions  # means and drawn patches are in the directions; the whitening takes channels
        places = _as_stored((means.float() @ back.T) @ whitening).reshape(*self._grid, -1)
        drawn = (torch.cat(self._drawn) @ back.T) @ whitening
        nothing = torch.tensor([0.0, 1.0])  # until the limits are known
        usual = nothing.view(2, 1, 1).expand(2, *self._grid)
        return PatchStage(whitening, places, _as_stored(farthest(drawn, coreset)), usual, torch.zeros(2), torch.ones(2))

    def _draw_directions(self, channels: int) -> Float[Tensor, "channels directions"]:
        """The identity, or random orthonormal directions of a stage that is wider than ``WIDEST``."""
        if channels <= WIDEST:
            return torch.eye(channels)
        drawn = torch.randn((channels, WIDEST), generator=self._generator, dtype=torch.float64)
        directions: Tensor = torch.linalg.qr(drawn).Q
        return directions.float()


def farthest(points: Float[Tensor, "points directions"], count: int) -> Float[Tensor, "coreset directions"]:
    """The first point, then again and again the point that is farthest from all that were chosen (Gonzalez 1985).

    Fewer than ``count`` where the points have no more that differ.
    """
    square = points.square().sum(dim=1)
    chosen, distance = [0], torch.full_like(square, torch.inf)
    while len(chosen) < min(count, len(points)):
        last = points[chosen[-1]]
        distance = torch.minimum(distance, square + last.square().sum() - 2 * (points @ last))
        distance[chosen[-1]] = 0
        best = int(distance.argmax())
        if float(distance[best]) <= 1e-6 * float(square.max()):  # rounding: all others are copies
            break
        chosen.append(best)
    return points[chosen]


def _as_stored(values: Tensor) -> Float[Tensor, "*shape"]:
    """Rounded to float16, as the file holds them."""
    return values.half().float()
