"""Reference images of a channel: the ID images that use it most."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from nero_core.relevance.strongest import strongest_images


def most_relevant(
    relevance: Float[Tensor, " images"], ids: Sequence[str], count: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """RelMax: ids and relevance of the ``count`` images with the largest relevance of one channel, most first.

    Fewer, or none, where the relevance is above 0 in fewer images; see ``strongest_images``.
    """
    order = [row for row in strongest_images(relevance[:, None], count)[0].tolist() if row >= 0]
    return tuple(ids[index] for index in order), tuple(float(relevance[index]) for index in order)
