"""Concepts: feature channels seen in the image and in the reference set."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from nero_core.explain.references import most_relevant
from nero_core.types import Channels, Concept


def describe_concepts(
    channels: Channels,
    chosen: Sequence[int],
    heatmaps: Float[Tensor, "concepts height width"],
    bank_relevance: Float[Tensor, "images neurons"],
    bank_ids: Sequence[str],
    references: int,
) -> tuple[Concept, ...]:
    """The chosen channels with their conditional heatmaps, numbers and reference images."""
    concepts = []
    for row, channel in enumerate(chosen):
        ids, values = most_relevant(bank_relevance[:, channel], bank_ids, references)
        concepts.append(
            Concept(
                channel=channel,
                heatmap=heatmaps[row],
                relevance=float(channels.relevance[channel]),
                centroid=float(channels.centroid[channel]),
                share=float(channels.share[channel]),
                references=ids,
                reference_relevance=values,
            )
        )
    return tuple(concepts)
