"""Which images use a channel most: the one rule behind every row of reference images."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def strongest_images(values: Float[Tensor, "images neurons"], count: int) -> Int[Tensor, "neurons references"]:
    """Rows of the ``count`` largest values of each column, largest first; -1 for what is not above 0.

    An image in which a channel's relevance or activation is 0 or below does not use it: it is no reference image.

    Reference:
        Achtibat et al., "From attribution maps to human-understandable explanations through concept relevance
        propagation", Nature Machine Intelligence 2023 (RelMax). No search over the data is needed: the bank's column is
        sorted.
    """
    order = values.argsort(dim=0, descending=True, stable=True)[:count].T
    return torch.where(values.T.gather(1, order) > 0, order, -1).contiguous()
