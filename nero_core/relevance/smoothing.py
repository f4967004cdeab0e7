"""The blur with which a relevance map is shown and measured."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


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
