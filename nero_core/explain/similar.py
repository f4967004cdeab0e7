"""The reference images nearest to an image, and how near is near."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.base import unit_length
from nero_core.detectors.neighbours import neighbour_distance
from nero_core.device import float64

NEAR = 0.95  # share of the calibration images that have a fit image within the limit


def near_limit(
    fit: Float[Tensor, "fit neurons"], calibration: Float[Tensor, "calibration neurons"], share: float = NEAR
) -> float:
    """Distance to the nearest fit image within which ``share`` of the calibration images lie."""
    distances = neighbour_distance(unit_length(float64(calibration)), unit_length(float64(fit)))
    return float(distances.quantile(share))


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
