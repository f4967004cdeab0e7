"""Where the distance comes from: relevance to send back for the evidence heatmap, and what less than usual adds."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.explain.references import describe_use
from nero_core.types import Channels, MissingConcept


def initial_evidence_relevance(channels: Channels, features: Float[Tensor, " neurons"]) -> Float[Tensor, " neurons"]:
    """Each over-used channel's relevance scaled by ``max(contribution_j, 0)/r_j``, that is ``max(contribution_j, 0)``;
    0 elsewhere.

    A channel is over-used when ``r_j > m_j``, m the mean relevance of the nearest class. A channel whose activation is
    0 has no place in the image; it starts nothing. Channels of less relevance than usual are not in the map; they are
    listed with their reference images, see ``describe_missing``.

    Returns:
        Initial relevance at the feature layer, ≥ 0, in units of the distance.
    """
    shown = (channels.relevance > channels.centroid) & (features.cpu() != 0)
    return torch.where(shown, channels.contribution.clamp_min(0), 0)


def describe_missing(
    channels: Channels,
    bank_relevance: Float[Tensor, "images neurons"],
    bank_ids: Sequence[str],
    count: int = 4,
    references: int = 4,
) -> tuple[MissingConcept, ...]:
    """The channels with ``r_j < m_j`` that add most to the distance, most first, with the images that use them most.

    They are of two kinds, see ``MissingConcept.is_counter_evidence``: the image uses a channel less, which has no
    place in it then, or the channel is active in the image and speaks against the prediction.

    Args:
        channels: of the image.
        bank_relevance: of the fit images.
        bank_ids: their ids.
        count: at most so many channels; fewer where fewer have less relevance and add to the distance.
        references: images a channel.
    """
    contribution = channels.contribution.where(channels.relevance < channels.centroid, 0)
    top = [
        channel
        for channel in contribution.argsort(descending=True, stable=True)[:count].tolist()
        if contribution[channel] > 0
    ]
    return tuple(
        MissingConcept(**describe_use(channels, channel, bank_relevance, bank_ids, references)) for channel in top
    )
