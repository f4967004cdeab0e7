"""Mean relevance of every channel over a set of images: what NERO's figure 3 compares between ID and OOD."""

from math import nan

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.device import float64
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Head, MeanRelevance

Labelled = tuple[Float[Tensor, "_ neurons"], Int[Tensor, " _"], int]  # features, labels, number of classes


def compare_mean_relevance(inside: Labelled, outside: Labelled | None, head: Head, epsilon: float) -> MeanRelevance:
    """``mean_relevance`` of ID images and of OOD images, where there are such."""
    by_id = mean_relevance(*inside, head, epsilon)
    by_ood = None if outside is None else mean_relevance(*outside, head, epsilon)
    return MeanRelevance(
        id=by_id[0],
        id_size=by_id[2],
        id_classes=by_id[1],
        ood=by_ood[0] if by_ood else None,
        ood_size=by_ood[2] if by_ood else 0,
        ood_classes=by_ood[1] if by_ood else None,
        id_few=few_of(by_id[2]),
        id_few_share=by_id[3],
        ood_few=few_of(by_ood[2]) if by_ood else 0,
        ood_few_share=by_ood[3] if by_ood else nan,
    )


def mean_relevance(
    features: Float[Tensor, "images neurons"],
    labels: Int[Tensor, " images"],
    classes: int,
    head: Head,
    epsilon: float = 1e-6,
) -> tuple[Float[Tensor, " neurons"], Float[Tensor, "classes neurons"], int, float]:
    """``m_j = mean_x r_j(x)`` over all images, and over those of each class.

    Images whose relevance is not finite (a logit too near 0) are left out.

    Args:
        features: of the images.
        labels: class of each image.
        classes: how many there are.
        head: the classifier's last linear layer.
        epsilon: ε of the LRP-ε rule, in units of a logit.

    Returns:
        Both in float64 on the CPU, signed, in units of a probability, nan where there is no image; the number of
        images that were averaged; and the share of Σ_x Σ_j |r_j(x)| that ``few_of`` them hold.

    Reference:
        Chhetri et al., NERO, MICCAI 2025, figure 3.
    """
    relevance = neuron_relevance(float64(features).cpu(), head.float64().to("cpu"), epsilon)[0]
    is_finite = relevance.isfinite().all(dim=1)
    relevance, of_class = relevance[is_finite], labels.cpu()[is_finite]
    groups = [relevance, *(relevance[of_class == index] for index in range(classes))]
    nothing = torch.full((relevance.shape[1],), torch.nan, dtype=torch.float64)
    means = torch.stack([group.mean(dim=0) if len(group) else nothing for group in groups])
    sums = relevance.abs().sum(dim=1).sort(descending=True).values
    share = float(sums[: few_of(len(sums))].sum() / sums.sum())  # 0/0 = nan
    return means[0], means[1:], len(relevance), share


def few_of(size: int) -> int:
    """1 % of so many images, at least one where there are any: what may hold much of a mean."""
    return min(size, max(1, size // 100))
