"""Concepts: what zennit-crp masks and sums for one channel of a layer."""

from collections.abc import Callable, Sequence

import torch
from crp.concepts import ChannelConcept, Concept
from jaxtyping import Float
from torch import Tensor

from nero_core.errors import RelevanceError


class TokenChannelConcept(Concept):
    """A channel of a transformer's tokens, in layers of shape ``batch tokens channels`` or ``batch channels``.

    zennit-crp's `ChannelConcept` takes the second axis for channels, which here are the 197 tokens. At the feature
    layer only the pooled token has relevance, so that one channel of it is one neuron of the head's input. Of
    zennit-crp's interface it has what `crp.attribution.CondAttribution` asks for and what sums relevance; sampling of
    reference images is done from the bank, for every architecture alike (`nero_core.relevance.strongest`).
    """

    @staticmethod
    def mask(batch_id: int, concept_ids: Sequence[int], layer_name: str | None = None) -> Callable[[Tensor], Tensor]:
        """A function that keeps relevance in these channels of one row, over all tokens, and sets the others to 0."""

        def masked(relevance: Float[Tensor, "batch *tokens channels"]) -> Float[Tensor, "batch *tokens channels"]:
            mask = torch.zeros_like(relevance[batch_id])
            mask[..., list(concept_ids)] = 1
            relevance[batch_id] = relevance[batch_id] * mask
            return relevance

        return masked

    def attribute(
        self,
        relevance: Float[Tensor, "batch *tokens channels"],
        mask: Tensor | None = None,
        layer_name: str | None = None,
        abs_norm: bool = True,
    ) -> Float[Tensor, "batch channels"]:
        """Relevance of each channel, summed over tokens; with ``abs_norm`` in shares of the sum of magnitudes."""
        relevance = relevance if mask is None else relevance * mask
        summed = relevance.flatten(1, -2).sum(dim=1) if relevance.ndim > 2 else relevance
        return summed / (summed.abs().sum(dim=-1, keepdim=True) + 1e-10) if abs_norm else summed


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
