"""How unlike those of the fit images each patch of an image is, at one stage of the network.

A patch is one position of a stage's map, brought to unit length, so that a lamp that is nearer or farther changes
little, or the colour of the image there, which is left as it is; maps of more than 7 × 7 positions are averaged over
3 × 3 of them first. Where the lumen lies and what the light is like change all patches of an image together: this
common part is told by the whole image, along the directions in which the fit images differ most (its *layout*), and is
taken off. Two distances ask whether what is left is usual: from what stands at this *place* in the fit images, and from
the *nearest* that is left anywhere in them. A patch is unlike them as far as both say so.

Reference:
    Defard et al., PaDiM, ICPR Workshops 2021 (a Gaussian at each position); Roth et al., PatchCore, CVPR 2022 (distance
    to a coreset of patches); Turk & Pentland, Eigenfaces, 1991 (what the main directions of whole images leave);
    Pickands, Annals of Statistics 1975 (excesses over a high threshold are exponential).
Differs:
    One covariance for all positions, whose whitening both distances share; patches have unit length; the colour of the
    image stands beside the stages; the layout is coarse, of patches and not of pixels; stages are not concatenated but
    scaled by what images outside the fit exceed, and added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

LIMIT = 0.98  # share of ID patches that are usual by one distance; by both, about 99 % are
_FINE = 16  # pixels a position; of bundles without a layout, finer maps were averaged over their neighbours
# Positions a side of the layout at most, where 14 and 28 find no more; maps that have more are averaged over 3 × 3.
COARSE = 7
_PRIOR = 10  # images
_LEAST = 1e-6  # distance, so that it has a logarithm, and deviation


@dataclass(frozen=True, slots=True)
class PatchStage:
    """What a stage's patches are compared with. Values are those of float16 and float32, as files hold them.

    Attributes:
        whitening: A; a patch x of unit length is compared as ``Aᵀx``, whose covariance around its place is 1.
        places: ``Aᵀμ`` of the mean patch μ at each position.
        layout: orthonormal directions V in which whole images differ from ``places``, on a coarse grid; none in bundles
            that were made before there was a layout.
        coreset: what the layout leaves of whitened fit patches, and covers all of it; without a layout, the whitened
            patches themselves.
        usual: mean and deviation, at each position, of the logarithm of the distance to the place, over ID images
            outside the fit.
        limits: what the share ``LIMIT`` of patches of these images stays below: of that logarithm, standardised at its
            position, and of the logarithm of the distance to the nearest patch.
        excess: mean of what the others exceed it by, > 0.
        is_unit: whether patches are brought to unit length; colours are not: how bright they are tells of lesions.
    """

    whitening: Float[Tensor, "channels directions"]
    places: Float[Tensor, "rows columns directions"]
    layout: Float[Tensor, "components coarse_rows coarse_columns directions"]
    coreset: Float[Tensor, "patches directions"]
    usual: Float[Tensor, "2 rows columns"]
    limits: Float[Tensor, " 2"]
    excess: Float[Tensor, " 2"]
    is_unit: bool = True

    def patches(
        self, maps: Float[Tensor, "batch channels rows columns"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """Patches of maps of the stage, as the stage was fitted on: see ``unit_patches`` and ``averaged_patches``.

        Args:
            maps: of the stage.
            size: height and width of the image, in pixels.
        """
        if not self.is_unit:
            return averaged_patches(maps)
        if len(self.layout):
            return unit_patches(maps)
        return _averaged(_unit(maps)) if size[0] < _FINE * maps.shape[2] else _unit(maps)

    def log_distances(self, patches: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "2 batch _ _"]:
        """Logarithms of the distance of each patch to its place and to the nearest patch of the coreset.

        With ``e = Aᵀ(x − μ)``, ``c`` its means over coarse cells and ``Vᵀc`` the image's scores, both are distances of
        ``e − VVᵀc``, upsampled.

        Args:
            patches: of the method of that name.
        """
        white = patches.permute(0, 2, 3, 1) @ self.whitening
        left = white - self.places
        if len(self.layout):
            scores = torch.einsum("brcd,krcd->bk", coarse(left), self.layout)
            left = white = left - refined(torch.einsum("bk,krcd->brcd", scores, self.layout), left.shape[1:3])
        place = torch.linalg.vector_norm(left, dim=-1)
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
        tensors = {
            field.name: getattr(self, field.name).to(device) for field in fields(self) if field.name != "is_unit"
        }
        return PatchStage(**tensors, is_unit=self.is_unit)


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
        """Standard deviation, in pixels, that a map is smoothed with: 3/8 of the finest stage's grid; of the coarsest
        one's in bundles that were made before colour was compared."""
        rows = [stage.places.shape[0] for stage in self.stages.values()]
        has_colour = any(not stage.is_unit for stage in self.stages.values())
        return 0.375 * size[0] / (max(rows) if has_colour else min(rows))

    def map(
        self, maps: Mapping[str, Float[Tensor, "batch _ rows columns"]], size: tuple[int, int]
    ) -> Float[Tensor, "batch height width"]:
        """``Σ_s u_s``, the unlikeness of the patches, upsampled bilinearly; ≥ 0.

        Args:
            maps: of ``Classifier.patches``.
            size: height and width of the image.
        """
        found = {name: stage.log_distances(stage.patches(maps[name], size)) for name, stage in self.stages.items()}
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
    maps: Float[Tensor, "batch channels rows columns"],
) -> Float[Tensor, "batch channels rows columns"]:
    """The patches of a stage: of unit length, and averaged as ``averaged_patches``."""
    return averaged_patches(_unit(maps))


def averaged_patches(
    maps: Float[Tensor, "batch channels rows columns"],
) -> Float[Tensor, "batch channels rows columns"]:
    """Averaged over 3 × 3 where a side has more than ``COARSE``: the patches of the colour map."""
    return _averaged(maps.float()) if max(maps.shape[2:]) > COARSE else maps.float()


def _unit(maps: Float[Tensor, "batch channels rows columns"]) -> Tensor:
    patches: Tensor = functional.normalize(maps.float(), dim=1)
    return patches


def _averaged(patches: Float[Tensor, "batch channels rows columns"]) -> Tensor:
    averaged: Tensor = functional.avg_pool2d(patches, 3, 1, 1, count_include_pad=False)
    return averaged


def coarse(values: Float[Tensor, "batch rows columns directions"]) -> Float[Tensor, "batch _ _ directions"]:
    """Means over square cells, so large that neither side has more than ``COARSE``."""
    pooled: Tensor = functional.avg_pool2d(values.permute(0, 3, 1, 2), _cell(values.shape[1:3]), ceil_mode=True)
    return pooled.permute(0, 2, 3, 1)


def coarse_grid(grid: Sequence[int]) -> tuple[int, int]:
    """Rows and columns that ``coarse`` leaves of a grid of positions."""
    cell = _cell(grid)
    return -(-grid[0] // cell), -(-grid[1] // cell)


def _cell(grid: Sequence[int]) -> int:
    return max(1, -(-max(grid) // COARSE))


def refined(
    values: Float[Tensor, "batch _ _ directions"], grid: Sequence[int]
) -> Float[Tensor, "batch rows columns directions"]:
    """Coarse values at each position of a grid, bilinearly."""
    finer: Tensor = functional.interpolate(
        values.permute(0, 3, 1, 2), size=tuple(grid), mode="bilinear", align_corners=False
    )
    return finer.permute(0, 2, 3, 1)
