"""Scores of many images part by part."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

AT_ONCE = 1024  # images on a CPU: what is computed of them stays in the processor's cache
ON_CARD = 4096  # bounds the memory of methods that compare each with the bank


def scored_in_parts(
    score: Callable[[Tensor], Float[Tensor, " part"]], x: Float[Tensor, "batch _"]
) -> Float[Tensor, " batch"]:
    """``score`` of every row, of so many at once that they stay in the cache; it checks what it is given.

    Args:
        score: of features to one number an image, which does not depend on the images beside it.
        x: features.
    """
    size = AT_ONCE if x.device.type == "cpu" else ON_CARD
    return torch.cat([score(part) for part in x.split(size)]) if x.ndim == 2 and len(x) > size else score(x)
