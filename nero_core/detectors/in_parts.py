"""Scores of many images part by part."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

AT_ONCE = 2500  # images on a CPU: fewer stay in the cache, but threads wait for one another more on a busy machine
ON_CARD = 4096  # bounds the memory of methods that compare each with the bank


def scored_in_parts(
    score: Callable[[Tensor], Float[Tensor, " part"]], x: Float[Tensor, "batch _"], at_once: int = AT_ONCE
) -> Float[Tensor, " batch"]:
    """``score`` of every row, of some at once; it checks what it is given.

    Args:
        score: of features to one number an image, which does not depend on the images beside it.
        x: features.
        at_once: images on a CPU.
    """
    size = at_once if x.device.type == "cpu" else ON_CARD
    return torch.cat([score(part) for part in x.split(size)]) if x.ndim == 2 and len(x) > size else score(x)
