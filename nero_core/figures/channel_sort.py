"""The order in which the channels of one image are drawn, on the screen and on paper."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from nero_core.types import Channels

Sort = Literal["contribution", "relevance", "channel"]


def channel_order(channels: Channels, sort: Sort) -> Int[np.ndarray, " neurons"]:
    """Channel numbers in the order of the axis.

    Args:
        channels: the record.
        sort: ``contribution`` and ``relevance`` have the largest first, signed, as the concepts have; equal ones stand
            by their number, and with ``channel`` all do.
    """
    if sort == "channel":
        return np.arange(len(channels.relevance))
    values = np.asarray(channels.contribution if sort == "contribution" else channels.relevance)
    return np.argsort(-values, kind="stable")


def least_relevant_first(
    activation: ArrayLike, relevance: ArrayLike
) -> tuple[Int[np.ndarray, " neurons"], Float[np.ndarray, " neurons"]]:
    """Channel numbers in the order of their relevance, the smallest first, and ``|activation|`` in that order."""
    order = np.argsort(np.asarray(relevance), kind="stable")
    return order, np.abs(np.asarray(activation, dtype=np.float64))[order]
