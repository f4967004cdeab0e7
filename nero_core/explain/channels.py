"""Every feature channel of one image against the ID classes."""

from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.types import Channels

Order = Literal["contribution", "relevance", "share"]  # the last is the first, by its former name


def compare_channels(
    relevance: Float[Tensor, " neurons"],
    centroids: Float[Tensor, "classes neurons"],
    nearest: int,
    contribution: Float[Tensor, " neurons"],
) -> Channels:
    """The record for the screen: float64 on the CPU.

    Raises:
        RelevanceError: the relevance is not finite.
    """
    if not bool(relevance.isfinite().all()):
        raise RelevanceError(
            "Expected finite relevance. Found NaN or infinity: a logit of this image is too near 0. Raise ε."
        )
    return Channels(float64(relevance).cpu(), float64(centroids).cpu(), nearest, float64(contribution).cpu())


def top_channels(channels: Channels, count: int, by: Order = "contribution") -> tuple[int, ...]:
    """The ``count`` channels with the largest contribution to the distance, or with the largest relevance; largest
    first.

    Raises:
        RelevanceError: ``count`` is negative or above the number of channels, or ``by`` is not an order.
    """
    if by not in get_args(Order):
        raise RelevanceError(f"Expected channels by contribution or relevance. Found {by!r}. Choose one of these.")
    neurons = len(channels.relevance)
    if not 0 <= count <= neurons:
        raise RelevanceError(
            f"Expected between 0 and {neurons} concepts. Found {count}. The model has {neurons} channels."
        )
    values = channels.relevance if by == "relevance" else channels.contribution
    return tuple(values.argsort(descending=True, stable=True)[:count].tolist())
