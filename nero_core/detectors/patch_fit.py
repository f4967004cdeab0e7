"""What the patches of an image are compared with, from the fit images: whitening, places, layout and coreset."""

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.patches import PatchStage, coarse, refined
from nero_core.errors import CalibrationError

WIDEST = 128  # directions a patch is compared in; PaDiM: random ones do as well as all
SHRINKAGE = 0.01  # of the covariance towards the scaled identity; ten times less or more changes little
CORESET = 2_000  # patches that are kept
POOL = 20_000  # patches that the coreset is chosen from
LAYOUT = 64  # directions of whole images that are kept, at most a third of the images; 128 find no more
FOLDS = 5  # of images whose layout comes from the others


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
        self._layouts: list[Tensor] = []
        self._drawn: list[Tensor] = []
        self._positions: list[Tensor] = []

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
        self._grid = rows.shape[1:3]
        self._layouts.append(coarse(rows))
        for image in flat:
            positions = torch.randperm(len(image), generator=self._generator)[: self._each]
            self._positions.append(positions)
            self._drawn.append(image[positions])

    def finish(self, coreset: int = CORESET, layout: int = LAYOUT) -> PatchStage:
        """Whitening, places, layout and coreset of the patches that came; its limits come from ``with_limits``.

        The whitening is of what the layout leaves of patches whose image had no part in the layout: the covariance
        around the places whitens first, then that of the rest.

        Args:
            coreset: patches to keep.
            layout: directions of whole images to keep, at least one and at most a third of the images.

        Raises:
            CalibrationError: no patches came, or none that differ within a place.
        """
        if self._sum is None or self._square is None or self._directions is None:
            raise CalibrationError("Expected fit images for the patches. Found none. Add ID images.")
        images, positions = len(self._drawn), torch.cat(self._positions)
        means = self._sum / images
        scatter = self._square - images * means.T @ means
        white = _whitening(scatter / (images * len(means)))
        if white is None:
            raise CalibrationError(
                "Expected fit images whose patches differ. Found equal ones at each place. Add ID images."
            )
        average = means.float().reshape(1, *self._grid, -1)
        layouts = torch.cat(self._layouts) - coarse(average)
        offsets = torch.cat(self._drawn) - means.float()[positions]
        components = max(1, min(layout, images // 3))
        left = self._left(layouts, offsets, white, components).double()
        of_left = _whitening(left.T @ left / len(left))
        white = white if of_left is None else white @ of_left
        whitening = _as_stored(self._directions.double() @ white)
        back = self._directions  # means and drawn patches are in the directions; the whitening takes channels
        places = _as_stored((means.float() @ back.T) @ whitening).reshape(*self._grid, -1)
        kept = _as_stored(farthest(self._left(layouts, offsets, white, components), coreset))
        main = _as_stored(main_directions(layouts @ white.float(), components))
        nothing = torch.tensor([0.0, 1.0])  # until the limits are known
        usual = nothing.view(2, 1, 1).expand(2, *self._grid)
        return PatchStage(whitening, places, main, kept, usual, torch.zeros(2), torch.ones(2))

    def _left(self, layouts: Tensor, offsets: Tensor, white: Tensor, components: int) -> Float[Tensor, "drawn _"]:
        """What is left of the drawn patches, whitened, when their image's layout is told by the other images."""
        layouts, expected = layouts @ white.float(), torch.empty_like(offsets)
        ends = torch.tensor([len(positions) for positions in self._positions]).cumsum(0).tolist()
        for fold in range(FOLDS):
            others = torch.arange(len(layouts)) % FOLDS != fold
            main = main_directions(layouts[others], components).flatten(start_dim=1)
            for image in (~others).nonzero().flatten().tolist():
                told = (layouts[image].flatten() @ main.T @ main).reshape(1, *layouts.shape[1:])
                finer = refined(told, self._grid)[0].flatten(end_dim=1)
                positions = self._positions[image]
                expected[ends[image] - len(positions) : ends[image]] = finer[positions]
        return offsets @ white.float() - expected

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


def main_directions(
    layouts: Float[Tensor, "images rows columns directions"], count: int
) -> Float[Tensor, "components rows columns directions"]:
    """Orthonormal directions in which images differ most from 0, from the largest; fewer where there are no more, and
    one of zeros where there is none.
    """
    flat = layouts.flatten(start_dim=1).double()
    values, vectors = torch.linalg.eigh(flat @ flat.T)
    most = [index for index in reversed(range(len(values))) if values[index] > 1e-9 * values[-1]][:count]
    if not most:
        return torch.zeros_like(layouts[:1])
    directions: Tensor = (vectors[:, most] / values[most].sqrt()).T @ flat
    return directions.reshape(-1, *layouts.shape[1:]).float()


def _whitening(covariance: Float[Tensor, "n n"]) -> Float[Tensor, "n n"] | None:
    """W with ``W Wᵀ = Σ⁻¹`` of the shrunk covariance; None where nothing varies."""
    values, vectors = torch.linalg.eigh(covariance)
    level = float(values.clamp_min(0).mean())
    if level <= 1e-12:  # of patches of unit length: rounding
        return None
    whitening: Tensor = vectors * ((1 - SHRINKAGE) * values.clamp_min(0) + SHRINKAGE * level).rsqrt()
    return whitening


def _as_stored(values: Tensor) -> Float[Tensor, "*shape"]:
    """Rounded to float16, as the file holds them."""
    return values.half().float()
