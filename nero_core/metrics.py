"""How well scores separate ID from OOD. Higher score = more OOD, everywhere."""

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from nero_core.device import float64

SHARE = 0.95  # of the positives that the field's FPR95 lets through


def auroc(id_scores: Float[Tensor, " id"], ood_scores: Float[Tensor, " ood"]) -> float:
    """Probability that an OOD image scores above an ID image, ties counting half; in [0, 1], 0.5 = guessing."""
    from pytorch_ood.metrics import functional  # takes as long to import as PyTorch itself

    return float(functional.auroc(*_labelled(id_scores, ood_scores)))


def aupr(
    id_scores: Float[Tensor, " id"], ood_scores: Float[Tensor, " ood"], positive: Literal["id", "ood"] = "id"
) -> float:
    """Area under precision over recall; in [0, 1], guessing gives the share of the positive class.

    ``positive="id"`` is AUPR-in: the images with the lowest scores are called ID first. ``positive="ood"`` is AUPR-out:
    those with the highest are called OOD first. Images of one score are called together; the points are joined by
    straight lines from (recall 0, precision 1), as pytorch-ood and OpenOOD do. It depends on how many ID and OOD images
    there are, so compare it between methods, not between sets.
    """
    from pytorch_ood.metrics import functional

    return float(functional.aupr(*_labelled(id_scores, ood_scores), positive))


def fpr_at_tpr(
    id_scores: Float[Tensor, " id"],
    ood_scores: Float[Tensor, " ood"],
    tpr: float = SHARE,
    positive: Literal["id", "ood"] = "id",
) -> float:
    """False positive rate where the true positive rate first reaches ``tpr``; in [0, 1], lower is better.

    The field uses the name for two figures. ``positive="id"``, as NERO has it: the share of OOD accepted at the
    threshold that accepts ``tpr`` of ID. ``positive="ood"``, as OpenMIBOOD has it: the share of ID rejected at the
    threshold that rejects ``tpr`` of OOD.
    """
    if positive == "id":
        return float(float64(ood_scores <= kth_smallest(id_scores, tpr)).mean())
    return float(float64(-id_scores <= kth_smallest(-ood_scores, tpr)).mean())


def roc_curve(
    id_scores: ArrayLike, ood_scores: ArrayLike, points: int | None = None
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Share of the ID images rejected and of the OOD images found, in percent, from (0, 0) to (100, 100).

    Args:
        id_scores: of the ID images, at least one.
        ood_scores: of the OOD images, at least one.
        points: keep so many, evenly over the thresholds, both ends among them; None keeps one for each threshold that
            changes a share.
    """
    groups = [np.sort(np.asarray(scores, dtype=np.float64)) for scores in (id_scores, ood_scores)]
    limits = np.unique(np.concatenate(groups))[::-1]
    rejected, detected = (
        np.concatenate([[0.0], 100 * (1 - np.searchsorted(scores, limits, side="left") / len(scores))])
        for scores in groups
    )
    if points is None:
        return rejected, detected
    chosen = np.unique(np.linspace(0, len(limits), min(points, len(limits) + 1)).astype(int))
    return rejected[chosen], detected[chosen]


def kth_smallest(scores: Float[Tensor, " scores"], share: float) -> Float[Tensor, ""]:
    """The smallest score at or below which ``share`` of the scores lie, ``share`` in (0, 1]."""
    # 1e-9: 0.95·20 must count as 19 although the product is a little above it in floating point.
    return scores.sort().values[max(math.ceil(share * len(scores) - 1e-9), 1) - 1]


def _labelled(id_scores: Tensor, ood_scores: Tensor) -> tuple[Tensor, Tensor]:
    """All scores and pytorch-ood's labels: below 0 is OOD."""
    labels = torch.cat([torch.zeros(len(id_scores)), -torch.ones(len(ood_scores))]).long()
    scores = torch.cat([id_scores, ood_scores])
    return scores, labels.to(scores.device)
