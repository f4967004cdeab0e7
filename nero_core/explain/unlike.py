"""Where an image is unlike the fit images: the map of its patches, and how much of the image it is."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.patches import PatchModel
from nero_core.relevance.smoothing import smooth
from nero_core.types import Unlikeness


def where_unlike(
    patches: PatchModel, maps: Mapping[str, Float[Tensor, "1 _ rows columns"]], size: tuple[int, int], image_id: str
) -> Unlikeness:
    """The map of one image, and the share of it that lies above the level which ID images hardly reach.

    Args:
        patches: of the bundle.
        maps: of ``Classifier.patches``, one image.
        size: height and width of the image.
        image_id: sha256 of its file.
    """
    heatmap, sigma = patches.map(maps, size)[0].cpu(), patches.sigma(size)
    return Unlikeness(
        id=image_id,
        heatmap=heatmap,
        share=float(np.mean(smooth(heatmap, sigma) > patches.level)),
        usual=patches.usual,
        level=patches.level,
        limit=patches.limit,
        sigma=sigma,
        stages=tuple(patches.stages),
    )
