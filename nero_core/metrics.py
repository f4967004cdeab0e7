"""How well scores separate ID from OOD. Higher score = more OOD, everywhere."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from pytorch_ood.metrics.functional import auroc as _auroc
from torch import Tensor


def auroc(id_scores: Float[Tensor, " id"], ood_scores: Float[Tensor, " ood"]) -> float:
    """Probability that an OOD image scores above an ID image, ties counting half; in [0, 1], 0.5 = guessing."""
    scores = torch.cat([id_scores, ood_scores])
    labels = torch.cat([torch.zeros(len(id_scores)), -torch.ones(len(ood_scores))]).long()
    return float(_auroc(scores, labels.to(scores.device)))


def fpr_at_tpr(
    id_scores: Float[Tensor, " id"],
    ood_scores: Float[Tensor, " ood"],
    tpr: float = 0.95,
    positive: Literal["id", "ood"] = "id",
) -> float:
    """False positive rate where the true positive rate first reaches ``tpr``; in [0, 1], lower is better.

    The field uses the name for two figures. ``positive="id"``, as NERO has it: the share of OOD accepted at the
    threshold that accepts ``tpr`` of ID. ``positive="ood"``: the share of ID rejected at the threshold that rejects
    ``tpr`` of OOD.
    """
    if positive == "id":
        return float((ood_scores <= kth_smallest(id_scores, tpr)).cpu().double().mean())
    return float((-id_scores <= kth_smallest(-ood_scores, tpr)).cpu().double().mean())


def kth_smallest(scores: Float[Tensor, " scores"], share: float) -> Float[Tensor, ""]:
    """The smallest score at or below which ``share`` of the scores lie, ``share`` in (0, 1]."""
    # 1e-9: 0.95·20 must count as 19 although the product is a little above it in floating point.
    return scores.sort().values[max(math.ceil(share * len(scores) - 1e-9), 1) - 1]
