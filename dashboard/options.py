"""What the research options hold, and the values that sliders of several pages offer. Draws nothing."""

from dataclasses import dataclass

from dashboard.state.site import percents

EPSILONS = (0.0, 1e-9, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Options:
    """What the research options hold.

    Attributes:
        method: of the score, a name in the catalog or ``verdict``.
        tpr: share of ID images that should pass the threshold.
        order: what picks the concepts: ``contribution`` or ``relevance``.
        concepts: how many.
        download: ``png`` or ``svg``.
        like: share of ID images that should be called like; those between both rates are borderline.
        by_class: whether images are compared with the calibration images of their predicted class alone.
        note: why another method stands in for the verdict; empty where none does.
    """

    method: str
    tpr: float
    order: str
    concepts: int
    download: str
    like: float | None = None
    by_class: bool = False
    note: str = ""


def tpr_choices(tpr: float, calibration_size: int) -> list[float]:
    """The values of tpr to choose from: whole percents and the bundle's own.

    With n calibration images the largest score is the threshold that accepts n / (n + 1); more cannot be had.
    """
    most = calibration_size / (calibration_size + 1)
    whole = {share / 100 for share in range(90, 100) if share / 100 <= most and percents(tpr) != str(share)}
    return sorted(whole | {tpr})


def like_choices(tpr: float) -> list[float]:
    """The shares of ID images to call like, of which the usual one, ``2·tpr − 1``, and ``tpr`` itself, which calls none
    borderline, are two."""
    return sorted({share / 100 for share in range(50, 100, 5) if share / 100 < tpr} | {usual_like(tpr), tpr})


def usual_like(tpr: float) -> float:
    """``2·tpr − 1``: as many are borderline as are rejected."""
    return round(2 * tpr - 1, 6)


def epsilons(own: float) -> list[float]:
    """What a slider of ε offers: round values, and the bundle's own among them."""
    return sorted({*EPSILONS, own})
