"""What stands in the place of a part of an image that is taken away."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from nero_core.relevance.smoothing import blurred_baseline
from nero_core.types import Imputation

Impute = Callable[[Bool[Tensor, "batch height width"]], Float[Tensor, "batch 3 height width"]]

NOISE = 0.01  # of the pixel range; the default of the paper's code
COARSEST = 16  # pixels of a side at which the equations are solved from scratch
STEPS = 4  # on the finest grid, twice as many on the next: half of the noise is left, on average in the demo
SOLVED = 1e-6  # of the pixel range: what is left over in an equation that counts as solved
NEIGHBOURS = ((1 / 12, 1 / 6, 1 / 12), (1 / 6, 0.0, 1 / 6), (1 / 12, 1 / 6, 1 / 12))


def by_blur(pixels: Float[Tensor, "1 3 height width"], grid: int, seed: int) -> Impute:
    """What is missing comes from the image blurred by a Gaussian as wide as a patch.

    Colour and light stay and the detail goes. Grey or black patches would make an image that no camera takes, and the
    classifier would answer to their edges.
    """
    return by_baseline(pixels, blurred_baseline(pixels, grid))


def by_baseline(pixels: Float[Tensor, "1 3 height width"], baseline: Float[Tensor, "1 3 height width"]) -> Impute:
    """What is missing comes from another image."""
    return lambda present: torch.where(present[:, None], pixels, baseline)


def by_noisy_linear(pixels: Float[Tensor, "1 3 height width"], grid: int, seed: int) -> Impute:
    """Noisy linear imputation: each missing pixel is the weighted mean of its eight neighbours, plus a little noise.

    ``x_i = Σ_n w_n x_n / Σ_n w_n`` over the neighbours inside the image, 1/6 for those at the sides and 1/12 for those
    at the corners: linear equations in all missing pixels at once. A patch that is gone is filled in smoothly from what
    is around it, so that neither its edges nor its shape tell the classifier what was there. Where nothing is left, all
    is the image's mean colour.

    Args:
        pixels: RGB in [0, 1].
        grid: plays no part.
        seed: of the noise, which is the same for a pixel in every image that is made.

    Reference: Rong et al., "A consistent and efficient evaluation strategy for attribution methods" (ROAD), ICML 2022.
    Differs: the equations are solved from coarse grids to fine ones by conjugate gradients, since sparse factorisation
        takes up to a second an image; what is left of the error is no larger than the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(pixels.shape, generator=generator).to(pixels)
    colour = pixels.mean(dim=(2, 3), keepdim=True)

    def impute(present: Bool[Tensor, "batch height width"]) -> Float[Tensor, "batch 3 height width"]:
        known = present[:, None]
        filled = _filled(pixels.expand(len(present), -1, -1, -1), known, colour)
        return torch.where(known, pixels, filled + noise)

    return impute


IMPUTATIONS: Mapping[Imputation, Callable[[Float[Tensor, "1 3 height width"], int, int], Impute]] = MappingProxyType(
    {"blur": by_blur, "linear": by_noisy_linear}
)


def _filled(values: Tensor, known: Tensor, colour: Tensor, steps: int = STEPS) -> Tensor:
    """Solve on a grid half as fine, with twice the steps, and go on from there."""
    height, width = values.shape[2:]
    start = colour
    if min(height, width) > COARSEST:
        some = known.to(values)
        weight = avg_pool2d(some, 2, ceil_mode=True)
        coarse = avg_pool2d(values * some, 2, ceil_mode=True) / weight.clamp_min(1e-6)
        start = _filled(coarse, weight > 0, colour, 2 * steps)
        start = interpolate(start, size=(height, width), mode="bilinear", align_corners=False)
    return _relaxed(torch.where(known, values, start), ~known, steps)


def _relaxed(values: Tensor, free: Tensor, steps: int) -> Tensor:
    """Conjugate gradients on the missing pixels' equations, ``Σ_n w_n (x_i − x_n) = 0``, which are symmetric so."""
    kernel = torch.tensor(NEIGHBOURS).to(values).expand(3, 1, 3, 3)
    inside = conv2d(torch.ones_like(values[:1, :1]), kernel[:1], padding=1)

    def unbalanced(x: Tensor) -> Tensor:
        return (inside * x - conv2d(x, kernel, padding=1, groups=3)) * free

    residual = -unbalanced(values)
    direction, square = residual, residual.square().sum(dim=(2, 3), keepdim=True)
    solved = SOLVED**2 * inside.numel()
    for _ in range(steps):
        image = unbalanced(direction)
        energy = (direction * image).sum(dim=(2, 3), keepdim=True)
        goes_on = (square > solved) & (energy > 0)  # rounding may turn what is left of a solved colour
        length = torch.where(goes_on, square / energy, 0)
        values = values + length * direction
        residual = residual - length * image
        before, square = square, residual.square().sum(dim=(2, 3), keepdim=True)
        direction = residual + torch.where(goes_on, square / before, 0) * direction
    return values
