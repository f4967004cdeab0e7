"""The part of the score axis that is worth drawing, on the screen and on paper."""

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from nero_core.types import ReferenceScores

TAIL = 0.02  # share of the reference images that may lie beyond the axis
TAILS = (0.005, 0.06)  # the same of a method among others: of each group, beyond the lower and the upper end
MARGIN = 0.03  # of the axis, at each end


def score_domain(reference: ReferenceScores, score: float) -> tuple[float, float]:
    """From where to where: the banks without their longest tail, the threshold, and this image unless it lies so far
    out that the rest would shrink to a line; it is then drawn at the edge and said so.

    Args:
        reference: scores of the calibration images and of the OOD bank, and the threshold.
        score: of this image.

    Returns:
        Both ends, in units of the score; the first is the smaller.
    """
    banks = [reference.calibration, *([] if reference.ood is None else [reference.ood])]
    known = np.concatenate([np.asarray(bank, dtype=np.float64) for bank in banks])
    if not known.size:  # of a class that is predicted for no other image
        known = np.array([score])
    threshold = reference.threshold if isfinite(reference.threshold) else float(known.max())
    low = min(float(known.min()), threshold, score)
    high = max(float(np.quantile(known, 1 - TAIL)), threshold + 0.15 * abs(threshold - low))
    if float(known.max()) <= low + 1.5 * (high - low):
        high = float(known.max())
    if high < score <= low + 2.0 * (high - low):
        high = score
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def method_domain(id_scores: ArrayLike, ood_scores: ArrayLike, threshold: float | None = None) -> tuple[float, float]:
    """The same for one method of several, with no image of one's own: both groups without their tails, and the
    threshold where there is one."""
    groups = (np.asarray(scores, dtype=np.float64) for scores in (id_scores, ood_scores))
    ends = [np.quantile(scores, (TAILS[0], 1 - TAILS[1])) for scores in groups]
    known = [*np.concatenate(ends).tolist(), *([] if threshold is None else [threshold])]
    low, high = min(known), max(known)
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin
