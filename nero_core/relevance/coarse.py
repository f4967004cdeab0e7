"""Heatmaps at a few cells and a few steps: what is kept of a reference image's heatmap."""

from functools import lru_cache

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from nero_core.device import float64

CELLS = 16  # a side; a cell is 14 pixels at 224, about the width of a ResNet's blur
_STEPS = 126  # of an int8 that a map's largest |value| takes; one is left over for the carry


def coarse(
    maps: Float[Tensor, "maps height width"], sigma: float, cells: int = CELLS
) -> Float[Tensor, "maps cells cells"]:
    """Smooth heatmaps as the screen does, and sum them over ``cells × cells`` patches of the image.

    A pixel that lies in two patches is shared out by area, and the blur is mirrored at the border: the sum of a map
    stays. Both steps are linear, so this is two matrix products a map; float64.

    Args:
        maps: heatmaps at the classifier's input size.
        sigma: standard deviation of the Gaussian, in pixels of the maps: ``Attributor.sigma``.
        cells: patches along each side.
    """
    height, width = maps.shape[1:]
    reach = min(round(3 * sigma), height, width)
    rows, columns = (_patches(length, cells) @ _blur(length, reach, sigma) for length in (height, width))
    return rows @ float64(maps).cpu() @ columns.T


def to_steps(
    maps: Float[Tensor, "*rows 16 16"],
) -> tuple[Int8[Tensor, "*rows 16 16"], Float[Tensor, "*rows"]]:
    """Heatmaps as int8 and the relevance of one step, ``max|map| / 126``.

    What rounding leaves of one cell is carried to the next, so that a cell is off by less than one step (0.8 % of the
    map's largest value) and the sum of the whole map by half a step, not by the sum of 256 roundings.
    """
    flat = float64(maps).flatten(-2)
    scales = flat.abs().amax(dim=-1) / _STEPS
    steps = flat / torch.where(scales > 0, scales, 1)[..., None]
    whole = steps.cumsum(dim=-1).round()
    whole = whole.diff(dim=-1, prepend=torch.zeros_like(whole[..., :1]))
    return whole.to(torch.int8).reshape(maps.shape), scales.float()


def from_steps(heatmaps: Int8[Tensor, "*rows 16 16"], scales: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows 16 16"]:
    """The heatmaps again, float32."""
    return heatmaps.float() * scales[..., None, None]


@lru_cache(maxsize=16)
def _patches(length: int, cells: int) -> Float[Tensor, "cells length"]:
    """Share of each pixel that lies in each patch; columns sum to 1."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * length / cells
    pixels = torch.arange(length, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return overlap.clamp_min(0)


@lru_cache(maxsize=16)
def _blur(length: int, reach: int, sigma: float) -> Float[Tensor, "length length"]:
    """The Gaussian as a matrix, mirrored at the border; rows and columns sum to 1."""
    whole = torch.eye(length, dtype=torch.float64)
    if sigma <= 0:
        return whole
    from scipy.ndimage import gaussian_filter1d  # takes a third of a second to import

    return torch.from_numpy(gaussian_filter1d(whole.numpy(), sigma, axis=0, mode="reflect", radius=reach))
