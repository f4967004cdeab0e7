"""What a calibration will be, from the number of images alone: what would be refused later is refused now."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from nero_core.calibration.threshold import threshold_at
from nero_core.data.folders import split

CALIBRATION_SHARE = 0.45  # of the ID images; the rest is fitted on


@dataclass(frozen=True, slots=True)
class CalibrationPlan:
    """How ID images are split.

    Attributes:
        fit: images to fit on.
        calibration: images that set thresholds.
        components: PCA components that NERO wants, each of which needs a fit image.
    """

    fit: int
    calibration: int
    components: int

    @property
    def has_full_rank(self) -> bool:
        """Whether NERO can keep all the components that it wants."""
        return self.fit >= self.components

    @property
    def images_for_full_rank(self) -> int:
        """About how many ID images are needed in all for that."""
        return round(self.components / (1 - CALIBRATION_SHARE))


def plan_calibration(counts: Mapping[str, int], components: int, tpr: float = 0.95) -> CalibrationPlan:
    """The split of so many images a class. Exact copies, and images that training has seen, will make it smaller.

    Args:
        counts: ID images of each class.
        components: PCA components that NERO wants.
        tpr: share of ID images that should pass.

    Raises:
        CalibrationError: a class has too few images for a part of its own, or there are too few for such a threshold.
    """
    names = [name for name, count in counts.items() for _ in range(count)]
    labels = [list(counts).index(name) for name in names]
    ids = [str(place) for place in range(len(labels))]
    fit, calibration = split(labels, ids, (1 - CALIBRATION_SHARE, CALIBRATION_SHARE), 0, tuple(counts))
    threshold_at(torch.zeros(len(calibration)), tpr)
    return CalibrationPlan(len(fit), len(calibration), components)
