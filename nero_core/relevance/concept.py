"""Conditions of heatmaps: relevance with all channels but some masked, as zennit-crp masks it."""

from collections.abc import Sequence

from crp.concepts import ChannelConcept
from jaxtyping import Float
from torch import Tensor

from nero_core.errors import RelevanceError


def conditions(relevance: Float[Tensor, " neurons"], channels: Sequence[int]) -> Float[Tensor, "conditions neurons"]:
    """Start relevance of conditional heatmaps: one row for each channel, all channels but that one masked.

    Raises:
        RelevanceError: a channel that does not exist.
    """
    neurons = len(relevance)
    wrong = [channel for channel in channels if not 0 <= channel < neurons]
    if wrong:
        raise RelevanceError(f"Expected channels in 0 … {neurons - 1}, found {wrong}; choose existing channels.")
    rows = relevance.detach().expand(len(channels), -1).clone()
    for row, channel in enumerate(channels):
        rows = ChannelConcept.mask(row, [channel])(rows)
    return rows
