"""Concepts: what zennit-crp masks and sums for one channel of a layer."""

from collections.abc import Callable, Mapping, Sequence

import torch
from crp.concepts import ChannelConcept, Concept
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.errors import RelevanceError


class TokenChannelConcept(Concept):
    """A channel of a transformer's tokens, in layers of shape ``batch tokens channels`` or ``batch channels``.

    zennit-crp's `ChannelConcept` takes the second axis for channels, which here are the 197 tokens. At the feature
    layer only the pooled token has relevance, so that one channel of it is one neuron of the head's input.
    """

    @staticmethod
    def mask(batch_id: int, concept_ids: Sequence[int], layer_name: str | None = None) -> Callable[[Tensor], Tensor]:
        """A function that keeps relevance in these channels of one row, over all tokens, and sets the others to 0."""

        def masked(relevance: Float[Tensor, "batch *tokens channels"]) -> Float[Tensor, "batch *tokens channels"]:
            kept = torch.zeros_like(relevance[batch_id])
            kept[..., list(concept_ids)] = 1
            relevance[batch_id] = relevance[batch_id] * kept
            return relevance

        return masked

    @staticmethod
    def mask_rf(
        batch_id: int, c_n_map: Mapping[int, Sequence[int]], layer_name: str | None = None
    ) -> Callable[[Tensor], Tensor]:
        """As `mask`, keeping of each channel only the given tokens."""

        def masked(relevance: Float[Tensor, "batch tokens channels"]) -> Float[Tensor, "batch tokens channels"]:
            kept = torch.zeros_like(relevance[batch_id])
            for channel, tokens in c_n_map.items():
                kept[list(tokens), channel] = 1
            relevance[batch_id] = relevance[batch_id] * kept
            return relevance

        return masked

    def get_rf_indices(self, output_shape: Sequence[int], layer_name: str | None = None) -> Sequence[int]:
        """The tokens of a layer's output, without its batch axis."""
        return range(output_shape[0]) if len(output_shape) > 1 else range(1)

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

    def reference_sampling(
        self,
        relevance: Float[Tensor, "batch *tokens channels"],
        layer_name: str | None = None,
        max_target: str = "sum",
        abs_norm: bool = True,
    ) -> tuple[Int[Tensor, "batch channels"], Float[Tensor, "batch channels"], Int[Tensor, "batch channels"]]:
        """Images by their relevance in each channel, most first: order, relevance, and the token that holds the most.

        Raises:
            RelevanceError: ``max_target`` is neither "sum" nor "max".
        """
        tokens = relevance.flatten(1, -2) if relevance.ndim > 2 else relevance[:, None]
        if max_target not in ("sum", "max"):
            raise RelevanceError(f"Expected max_target 'sum' or 'max'. Found {max_target!r}. Choose one of these.")
        value, token = tokens.max(dim=1)
        value = tokens.sum(dim=1) if max_target == "sum" else value
        value = value / (value.abs().sum(dim=-1, keepdim=True) + 1e-10) if abs_norm else value
        ordered, order = value.sort(dim=0, descending=True)
        return order, ordered, token.gather(0, order)


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
