"""Colour and coarse texture of an image, cell by cell: what early stages of a network make little of."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

COLOUR = "colour"  # in the place of a stage's name
COLOUR_CHANNELS = 6
_CELL = 8  # pixels a side, as at the finest stage of a network
_GRAIN = 4  # pixels a side that count as one: finer texture is noise of the camera and of JPEG


def colour_map(pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 6 rows columns"]:
    """Mean of √RGB in each cell of 8 × 8 pixels, and its spread between grains of 4 × 4 pixels around it.

    With ``g = √(mean RGB of a grain)``: ``[mean g, mean √(var g over 3 × 3 grains)]``, both over the grains of a cell.
    The root evens out what light does to spread, as the variance of counted photons grows with their number.

    Args:
        pixels: in [0, 1], as the image holds them.
    """
    grains = functional.avg_pool2d(pixels.float(), _GRAIN, ceil_mode=True).clamp_min(0).sqrt()
    mean = functional.avg_pool2d(grains, 3, 1, 1, count_include_pad=False)
    square = functional.avg_pool2d(grains.square(), 3, 1, 1, count_include_pad=False)
    spread = (square - mean.square()).clamp_min(0).sqrt()
    both: Tensor = functional.avg_pool2d(torch.cat([grains, spread], dim=1), _CELL // _GRAIN, ceil_mode=True)
    return both
