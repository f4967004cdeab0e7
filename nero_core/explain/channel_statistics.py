"""Statistics of every channel: its mean relevance in each class, its class selectivity, and how well it separates
OOD."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import rankdata
from torch import Tensor

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.types import ChannelStatistics


def measure_channels(
    fit: Float[Tensor, "images neurons"],
    labels: Int[Tensor, " images"],
    classes: int,
    calibration: Float[Tensor, "calibration neurons"],
    ood: Float[Tensor, "ood neurons"] | None,
) -> ChannelStatistics:
    """The statistics of all channels from the relevance of three banks.

    Args:
        fit: r_j of every fit image, signed.
        labels: class index of each fit image.
        classes: number of ID classes.
        calibration: r_j of the calibration images, which nothing was fitted on.
        ood: r_j of the OOD images, or None.

    Raises:
        RelevanceError: there is no fit image, or relevance is not finite.
    """
    if not len(fit):
        raise RelevanceError("Expected fit images. Found none. Make the bundle again with nero calibrate.")
    for bank in (fit, calibration, *([] if ood is None else [ood])):
        if not bool(bank.isfinite().all()):
            raise RelevanceError(
                "Expected finite relevance in every bank. Found NaN or infinity: a logit is too near 0. "
                "Calibrate with a larger ε."
            )
    means = class_mean_relevance(fit, labels, classes)
    return ChannelStatistics(
        mean_relevance=means,
        selectivity=class_selectivity(fit, labels),
        best_class=means.nan_to_num(nan=-torch.inf).argmax(dim=0),
        ood_auroc=ood_auroc(calibration, ood),
    )


def class_mean_relevance(
    relevance: Float[Tensor, "images neurons"], labels: Int[Tensor, " images"], classes: int
) -> Float[Tensor, "classes neurons"]:
    """Mean relevance of each class, one row a class; nan where a class has no image."""
    sums = torch.zeros(classes, relevance.shape[1], dtype=torch.float64).index_add_(0, labels, float64(relevance))
    counts = float64(torch.bincount(labels, minlength=classes))
    return torch.where(counts[:, None] > 0, sums / counts[:, None].clamp_min(1), torch.nan)


def class_selectivity(
    relevance: Float[Tensor, "images neurons"], labels: Int[Tensor, " images"]
) -> Float[Tensor, " neurons"]:
    """Correlation ratio η² of relevance on the classes: 0 = all use the channel alike, 1 = the class says it all.

    With class means m_c over n_c images and the mean m of all::

        η²_j = Σ_c n_c (m_cj − m_j)² / Σ_x (r_j(x) − m_j)²

    A channel whose relevance never varies has 0.

    Reference:
        Fisher, Statistical Methods for Research Workers, 1925 (correlation ratio). Class selectivity of single
        channels: Morcos et al., On the importance of single directions for generalization, ICLR 2018.

    Differs:
        Morcos' index (μ_max − μ_rest)/(μ_max + μ_rest) is for activations, which are never negative. Relevance is
        signed, and that index would be 1 for each channel that speaks for one class and against the rest.
    """
    values = float64(relevance)
    _, group = labels.unique(return_inverse=True)
    means = class_mean_relevance(values, group, int(group.max()) + 1)
    total = (values - values.mean(dim=0)).square().sum(dim=0)
    within = (values - means[group]).square().sum(dim=0)
    floor = values.abs().amax(dim=0).square() * len(values) * torch.finfo(torch.float64).eps  # rounding of equal values
    return torch.where(total > floor, 1 - within / total.clamp_min(torch.finfo(torch.float64).tiny), 0.0).clamp(0, 1)


def ood_auroc(
    inside: Float[Tensor, "images neurons"], outside: Float[Tensor, "ood neurons"] | None
) -> Float[Tensor, " neurons"]:
    """AUROC of each channel's relevance, OOD against ID: 1 = every OOD image has more of it, 0.5 = it tells nothing.

    By the rank sum of the OOD images, ties by their mean rank, all channels at once::

        AUROC_j = (Σ_{x ∈ OOD} rank_j(x) − n(n + 1)/2) / (n·m)      n OOD, m ID images

    nan where there is no OOD bank, or one of the banks is empty.
    """
    if outside is None or not len(outside) or not len(inside):
        return torch.full((inside.shape[1],), torch.nan, dtype=torch.float64)
    ranks = rankdata(np.concatenate([outside.numpy(), inside.numpy()]), axis=0)
    count = len(outside)
    return torch.from_numpy((ranks[:count].sum(axis=0) - count * (count + 1) / 2) / (count * len(inside)))
