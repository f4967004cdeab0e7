"""Reference images of a channel: the ID images that use it most."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor


def most_relevant(
    relevance: Float[Tensor, " images"], ids: Sequence[str], count: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """RelMax: ids and relevance of the ``count`` images with the largest relevance of one channel, most first.

    Reference:
        Achtibat et al., From attribution maps to human-understandable explanations through concept relevance
        propagation, Nature Machine Intelligence 2023. No search over the data is needed: the bank's relevance column is
        sorted.
    """
    order = relevance.argsort(descending=True, stable=True)[:count].tolist()
    return tuple(ids[index] for index in order), tuple(float(relevance[index]) for index in order)
