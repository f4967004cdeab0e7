"""Reference images of a channel: the ID images that use it most, and what the channel is beside them."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from nero_core.relevance.strongest import strongest_images
from nero_core.types import Channels


def describe_use(
    channels: Channels,
    channel: int,
    bank_relevance: Float[Tensor, "images neurons"],
    bank_ids: Sequence[str],
    references: int,
) -> dict[str, Any]:
    """What `Concept` and `MissingConcept` both tell of a channel, by the names that the records give it: its numbers in
    the image, and the reference images that use it most."""
    ids, values = most_relevant(bank_relevance[:, channel], bank_ids, references)
    return {
        "channel": channel,
        "relevance": float(channels.relevance[channel]),
        "centroid": float(channels.centroid[channel]),
        "contribution": float(channels.contribution[channel]),
        "references": ids,
        "reference_relevance": values,
    }


def most_relevant(
    relevance: Float[Tensor, " images"], ids: Sequence[str], count: int
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """RelMax: ids and relevance of the ``count`` images with the largest relevance of one channel, most first.

    Fewer, or none, where the relevance is above 0 in fewer images; see ``strongest_images``.
    """
    order = [row for row in strongest_images(relevance[:, None], count)[0].tolist() if row >= 0]
    return tuple(ids[index] for index in order), tuple(float(relevance[index]) for index in order)
