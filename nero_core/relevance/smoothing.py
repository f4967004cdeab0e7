"""The blur with which a relevance map is shown and measured."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike


def smooth(heatmap: ArrayLike, sigma: float) -> Float[np.ndarray, "height width"]:
    """The map as it is shown: blurred with a Gaussian whose sum is 1, mirrored at the border, so that its sum stays.

    Args:
        heatmap: the map at the classifier's input size.
        sigma: standard deviation in pixels of the map, which an explanation's ``sigma`` gives: it hides the grid on
            which the network reads the image, and no more. 0 changes nothing.
    """
    values = np.asarray(heatmap, dtype=np.float32)
    if sigma <= 0:
        return values
    reach = min(round(3 * sigma), *values.shape)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2), dtype=np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if axis == one else (0, 0) for one in (0, 1)], mode="symmetric")
        length = values.shape[axis]
        shifted = (padded.take(range(start, start + length), axis=axis) for start in range(2 * reach + 1))
        values = sum(weight * part for weight, part in zip(weights, shifted, strict=True))
    return values
