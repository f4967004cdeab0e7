"""Where the distance comes from: the relevance to send back for the evidence heatmap."""

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.types import Channels


def evidence_start(channels: Channels, features: Float[Tensor, " neurons"]) -> Float[Tensor, " neurons"]:
    """Each over-used channel's relevance scaled by ``max(share_j, 0)/r_j``, that is ``max(share_j, 0)``; 0 elsewhere.

    A channel is over-used when ``r_j > m_j``, m the mean relevance of the nearest class. A channel whose activation is
    0 has no place in the image; it starts nothing. Under-used channels are missing evidence and are shown by their
    reference images.

    Returns:
        Start relevance at the feature layer, ≥ 0, in units of the distance.
    """
    shown = (channels.relevance > channels.centroid) & (features.cpu() != 0)
    return torch.where(shown, channels.share.clamp_min(0), 0)
