"""The part of the relevance axis of a channel that is worth drawing, on the screen and on paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nero_core.types import ChannelSummary


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One row of a channel's plot: the images of one class.

    Attributes:
        name: of the class.
        values: relevance of the channel in each of its images.
        is_ood: whether the class is one of the OOD bank.
    """

    name: str
    values: Float[np.ndarray, " _"]
    is_ood: bool


MIDDLE_HALF = (0.25, 0.75)
MOST = (0.01, 0.99)
WIDER = 1.5  # times the range: what is shown whole, outliers and all


def class_rows(summary: ChannelSummary, class_names: Sequence[str], ood_class_names: Sequence[str]) -> list[ClassRow]:
    """The rows of a channel's plot, ID classes first; an OOD class without an image has none."""
    rows = [
        ClassRow(name, np.asarray(values, dtype=np.float64), False)
        for name, values in zip(class_names, summary.class_relevance, strict=True)
    ]
    return rows + [
        ClassRow(name, np.asarray(values, dtype=np.float64), True)
        for name, values in zip(ood_class_names, summary.ood_relevance, strict=False)
        if len(values)
    ]


def relevance_domain(summaries: Sequence[ChannelSummary], marked: Sequence[float] = ()) -> tuple[float, float]:
    """One range of relevance for all channels that are compared, 0 and the marked values inside.

    A few images far out would squeeze all others: where they more than widen the range by half, it is that of the
    middle 98 % of each channel's values, with the middle half of each class, and what lies beyond is counted.

    Args:
        summaries: of the channels.
        marked: relevance of this image in them.

    Returns:
        Both ends, a probability; the first is the smaller.
    """
    inside, ends = [0.0, *marked], [0.0, *marked]
    for channel in summaries:
        classes = [
            np.asarray(class_values, dtype=np.float64)
            for class_values in (*channel.class_relevance, *channel.ood_relevance)
            if len(class_values)
        ]
        for values, shares in [(class_values, MIDDLE_HALF) for class_values in classes] + [
            (np.concatenate([[0.0], *classes]), MOST)
        ]:
            inside += np.quantile(values, shares).tolist()
            ends += [float(values.min()), float(values.max())]
    low, high = min(inside), max(inside)
    if max(ends) - min(ends) <= WIDER * (high - low) or high == low:
        low, high = min(ends), max(ends)
    margin = 0.04 * (high - low) or 1e-3
    return low - margin, high + margin
