"""Where an image is unlike the reference images."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Unlikeness:
    """Where one image is unlike the fit images, patch by patch. The map is at the classifier's input size, on the CPU.

    Attributes:
        id: sha256 of the image's file.
        heatmap: ≥ 0; 0 where the patch is usual; 1 = as far beyond the limit as the unusual patches of ID images are on
            average, at one stage of the network.
        share: share of the image that is above ``level``, in [0, 1].
        usual: share of ID images that is above it: that of the calibration images, all together.
        level: value of the map, smoothed, from which on it counts as unlike.
        limit: colour limit: the largest value of the map, smoothed, stays below it in 19 of 20 calibration images, so
            that a usual image looks quiet.
        sigma: standard deviation of the Gaussian that the map is shown and measured with, in its pixels.
        stages: of the network that were compared, from the finest.
    """

    id: str
    heatmap: Float[Tensor, "height width"]
    share: float
    usual: float
    level: float
    limit: float
    sigma: float
    stages: tuple[str, ...]
