"""The part of a map of images that is worth drawing, on the screen and on paper."""

import numpy as np
from jaxtyping import Bool, Float

TAIL = 0.02  # of the points at each end of an axis: what may be far out
BEYOND = 0.5  # of the middle of an axis: how far beyond it a point still belongs


def map_core(
    points: Float[np.ndarray, "images 2"], here: Float[np.ndarray, " 2"] | None = None
) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
    """From where to where: without the farthest points, of which there are few, where they would shrink all others to
    a blot. They are drawn at the edge and said so.

    Args:
        points: of the map.
        here: where this image lies; it is inside unless it lies as far out as they do.

    Returns:
        The lower left and the upper right corner, in units of the map.
    """
    low, high = np.quantile(points, TAIL, axis=0), np.quantile(points, 1 - TAIL, axis=0)
    margin = np.where(high > low, BEYOND * (high - low), 0.0)
    known = points if here is None else np.concatenate([points, here[None]])
    core = np.where((known >= low - margin) & (known <= high + margin), known, np.nan)
    return np.nanmin(core, axis=0), np.nanmax(core, axis=0)


def is_beyond(
    points: Float[np.ndarray, "*images 2"], low: Float[np.ndarray, " 2"], high: Float[np.ndarray, " 2"]
) -> Bool[np.ndarray, "*images"]:
    """Which points lie outside the part from ``low`` to ``high``."""
    return np.asarray(((points < low) | (points > high)).any(axis=-1))
