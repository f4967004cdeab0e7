"""From calibration scores to a threshold and a p-value, on ID images that took no part in training or fitting."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.device import float64, to_like
from nero_core.errors import CalibrationError, TooFewImagesError


def threshold_at(calibration: Float[Tensor, " calibration"], tpr: float = 0.95) -> float:
    """The score that accepts an ID image with probability at least ``tpr``: the ⌈(n + 1)·tpr⌉-th smallest of n scores.

    With this choice an image is above the threshold exactly when its conformal p-value is at most ``1 − tpr``.

    Args:
        calibration: scores of ID images; higher = more OOD.
        tpr: share of ID images that should pass, in (0, 1).

    Raises:
        TooFewImagesError: too few calibration images for such a tpr.
        CalibrationError: a score is not finite, or ``tpr`` is outside its range.

    Reference:
        Vovk et al., Algorithmic Learning in a Random World, 2005; Bates et al., Annals of Statistics 2023.
    """
    if not 0 < tpr < 1:
        raise CalibrationError(
            f"Expected tpr (share of ID images that should pass) between 0 and 1. Found {tpr}. The usual one is 0.95."
        )
    if not bool(torch.isfinite(calibration).all()):
        raise CalibrationError("Expected finite calibration scores. Found NaN or infinity. Raise ε of the detector.")
    # 1e-9: (n + 1)·tpr may come out a little above a whole number in floating point.
    rank = max(1, math.ceil((len(calibration) + 1) * tpr - 1e-9))
    if rank > len(calibration):
        raise TooFewImagesError(
            f"Expected at least {math.ceil(tpr / (1 - tpr) - 1e-9)} calibration images for "
            f"{100 * tpr:.4g} % of ID images to pass. Found {len(calibration)}. Add ID images, or lower tpr."
        )
    return float(calibration.sort().values[rank - 1])


def conformal_p_values(
    scores: Float[Tensor, " batch"], calibration: Float[Tensor, " calibration"]
) -> Float[Tensor, " batch"]:
    """``p(x) = (1 + #{calibration scores ≥ S(x)}) / (n + 1)``, in [1/(n + 1), 1].

    Small = unlike the calibration images. A score that is not a number gets the smallest p-value.

    Reference:
        Bates et al., Testing for outliers with conformal p-values, Annals of Statistics 2023, eq. 1.
    """
    ordered = calibration.sort().values
    at_least = len(ordered) - torch.searchsorted(ordered, to_like(scores, ordered).nan_to_num(torch.inf), side="left")
    return float64(1 + at_least) / (len(ordered) + 1)


def check_borderline(borderline: float | None, tpr: float) -> None:
    """See that the share of ID images to be called like suits the share that is to pass.

    Raises:
        CalibrationError: it is below 0, above ``tpr``, or not a number.
    """
    if borderline is not None and not 0 <= borderline <= tpr + 1e-12:
        raise CalibrationError(
            f"Expected a share of ID images to call like from 0 to the {100 * tpr:.4g} % that should pass. "
            f"Found {100 * borderline:.4g} %. Choose a lower one, or let more pass."
        )
