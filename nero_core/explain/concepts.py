"""Concepts: feature channels seen in the image and in the reference set."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from nero_core.device import float64
from nero_core.explain.references import describe_use
from nero_core.relevance.heatmap import Heatmaps
from nero_core.types import Channels, Concept


def describe_concepts(
    channels: Channels,
    chosen: Sequence[int],
    heatmaps: Heatmaps,
    bank_relevance: Float[Tensor, "images neurons"],
    bank_ids: Sequence[str],
    references: int,
) -> tuple[Concept, ...]:
    """The chosen channels with their numbers and reference images; ``heatmaps`` ends with theirs, in their order."""
    first = len(heatmaps.maps) - len(chosen)
    return tuple(
        Concept(
            heatmap=heatmaps.maps[row],
            conservation=float(heatmaps.conservation[row]),
            cancellation=float(heatmaps.cancellation[row]),
            **describe_use(channels, channel, bank_relevance, bank_ids, references),
        )
        for row, channel in enumerate(chosen, first)
    )


def joint_conservation(
    initial_relevance: Float[Tensor, "concepts neurons"], heatmaps: Float[Tensor, "concepts height width"]
) -> float:
    """``Σ sign(r_j)·Σ heatmap_j / Σ|r_j|`` over all concepts; 1 = nothing lost, nan where the initial relevance is 0.

    By magnitude, so that what one concept loses is not made up for by another of the other sign.
    """
    sent = float64(initial_relevance).cpu().sum(dim=1)
    reached = (sent.sign() * float64(heatmaps).sum(dim=(1, 2))).sum()
    weight = sent.abs().sum()
    return float(reached / weight) if weight > 0 else float("nan")
