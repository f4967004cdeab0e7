"""The reference images nearest to an image, and how near is near."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.base import unit_length
from nero_core.detectors.neighbours import neighbour_distance
from nero_core.device import float64

NEAR = 0.95  # share of unseen ID images that have a fit image within the limit, at least


def near_limit(
    fit: Float[Tensor, "fit neurons"], calibration: Float[Tensor, "calibration neurons"], share: float = NEAR
) -> float:
    """Distance within which an unseen ID image has a fit image, with probability at least ``share``: the
    ⌈(n + 1)·share⌉-th smallest of the n distances from a calibration image to its nearest fit image.

    So of at most ``1 − share`` of ID images, 5 %, "no reference image is similar" is said; of the calibration images
    and unseen ones together, drawn alike, the rank of each is as likely as any other. With fewer than 19 calibration
    images (at 0.95) it is their largest distance, and the share is lower, ``n/(n + 1)``.

    Reference:
        Vovk et al., Algorithmic Learning in a Random World, 2005: the threshold of one more conformal p-value.
    """
    distances = neighbour_distance(unit_length(float64(calibration)), unit_length(float64(fit)))
    rank = min(len(distances), math.ceil((len(distances) + 1) * share - 1e-9))
    return float(distances.sort().values[rank - 1])


def nearest_features(
    feature: Float[Tensor, " neurons"], fit: Float[Tensor, "fit neurons"], count: int
) -> tuple[Int[Tensor, " count"], Float[Tensor, " count"]]:
    """Rows of the ``count`` fit images nearest to a feature and their distances, nearest first; on the CPU.

    ``‖a/‖a‖ − b/‖b‖‖₂``, in [0, 2]: what KNN scores by. It depends on the angle alone, ``√(2 − 2 cos)``.
    """
    bank = unit_length(float64(fit))
    offset = bank - unit_length(float64(feature)[None].to(bank))
    distances, rows = torch.linalg.vector_norm(offset, dim=1).sort(stable=True)
    return rows[:count].cpu(), distances[:count].cpu()
