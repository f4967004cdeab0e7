"""The blur with which a relevance map is shown and measured, and that of an image without detail."""

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

GRID = 14  # patches a side: 16 pixels at 224, the patch of a ViT/16 and half the grid of a ResNet's last stage


def smooth(heatmap: ArrayLike, sigma: float) -> Float[np.ndarray, "height width"]:
    """The map as it is shown: blurred with a Gaussian whose sum is 1, mirrored at the border, so that its sum stays.

    The Gaussian ends at three standard deviations, or at the map's shorter side where that is less.

    Args:
        heatmap: the map at the classifier's input size.
        sigma: standard deviation in pixels of the map, which an explanation's ``sigma`` gives: it hides the grid on
            which the network reads the image, and no more. 0 changes nothing.
    """
    values = np.asarray(heatmap, dtype=np.float32)
    if sigma <= 0:
        return values
    from scipy.ndimage import gaussian_filter  # takes a third of a second to import

    smoothed: Float[np.ndarray, "height width"] = gaussian_filter(
        values, sigma, mode="reflect", radius=min(round(3 * sigma), *values.shape)
    )
    return smoothed


def blurred_baseline(pixels: Float[Tensor, "1 3 height width"], grid: int = GRID) -> Float[Tensor, "1 3 height width"]:
    """The image blurred by a Gaussian whose standard deviation is one patch, mirrored at the border."""
    from torchvision.transforms.functional import gaussian_blur  # takes a while to import

    sigmas = [side / grid for side in pixels.shape[:1:-1]]  # width first, as torchvision wants it
    reach = [min(math.ceil(3 * sigma), side - 1) for sigma, side in zip(sigmas, pixels.shape[:1:-1], strict=True)]
    blurred: Tensor = gaussian_blur(pixels, [2 * radius + 1 for radius in reach], sigmas)
    return blurred
