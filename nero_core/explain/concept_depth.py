"""Concepts in depth: where a channel lies in the image, how ID classes use it, what it is used with."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.device import float64
from nero_core.relevance.smoothing import smooth
from nero_core.types import UpstreamChannels

CROP_SHARE = 0.5  # of the largest relevance: the full width at half maximum, as optics measures a spot


def receptive_crop(
    heatmap: Float[Tensor, "height width"], sigma: float, share: float = CROP_SHARE
) -> tuple[int, int, int, int]:
    """The receptive-field crop: the box around where the channel's |relevance| exceeds ``share`` of its maximum.

    The heatmap is smoothed first, as it is shown. In theory a channel of the last stage sees more than the whole image
    (435 pixels for ResNet-18); this is where it found something in this image.

    Args:
        heatmap: conditional heatmap, signed.
        sigma: of the Gaussian that it is shown with, in pixels.
        share: of the largest smoothed |relevance|, in [0, 1).

    Returns:
        top, left, bottom, right in pixels of the heatmap, bottom and right exclusive; the whole map where it is 0
        everywhere.

    Reference:
        Achtibat et al., Nature Machine Intelligence 2023; `get_crop_range` of zennit-crp.
    Differs:
        |relevance|, since a channel may speak against its class; zennit-crp crops around positive relevance. Its
        ``share`` is 0.1, at which the smooth maps of the z+ rule give a box of nearly the whole image.
    """
    strength = np.abs(smooth(heatmap, sigma))
    peak = float(strength.max())
    height, width = strength.shape
    if not peak > 0:
        return 0, 0, height, width
    rows, columns = np.nonzero(strength > share * peak)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def nonzero_channels(upstream: UpstreamChannels) -> UpstreamChannels:
    """The same without channels that nothing reaches: where the concept's relevance is 0, none is left."""
    reached = [row for row, relevance in enumerate(upstream.relevance) if relevance != 0]
    return UpstreamChannels(
        stage=upstream.stage,
        channels=tuple(upstream.channels[row] for row in reached),
        relevance=tuple(upstream.relevance[row] for row in reached),
        heatmaps=upstream.heatmaps[reached],
    )


def class_distribution(
    relevance: Float[Tensor, " images"], labels: Int[Tensor, " images"], classes: int
) -> tuple[Float[Tensor, " _"], ...]:
    """A channel's relevance in the fit images of each ID class."""
    return tuple(relevance[labels == label] for label in range(classes))


def co_used(relevance: Float[Tensor, "images neurons"], channel: int, count: int = 8) -> tuple[tuple[int, float], ...]:
    """The channels that are used together with one: strongest absolute Pearson correlation of relevance over images.

    A correlation near 1 means that both are used in the same images, near -1 that one is used where the other is not.
    Channels whose relevance never varies have no correlation and are left out.

    Returns:
        Channel and correlation in [-1, 1], strongest first.
    """
    centred = float64(relevance) - float64(relevance).mean(dim=0)
    length = centred.norm(dim=0)
    # What is left of a constant column is rounding, 1e-16 of its values.
    varies = length > 1e-12 * float64(relevance).norm(dim=0)
    if not bool(varies[channel]):
        return ()
    correlation = (centred.T @ centred[:, channel] / (length * length[channel])).clamp(-1, 1)
    varies[channel] = False
    strength = torch.where(varies, correlation.abs(), -1)
    order = strength.argsort(descending=True, stable=True)[: min(count, int(varies.sum()))]
    return tuple((int(other), float(correlation[other])) for other in order)
