"""How a bundle does over time: what it has scored, what readers said to that, and whether the world has moved."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from nero_core.store import ScoredImage, Store, scored_images
from nero_core.worklist.duplicates import later_ones

FEWEST = 5  # different images of a week below which no test is made
LEVEL = 0.05  # of the adjusted p-value at and below which a week is said to have moved
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True, slots=True)
class Counts:
    """Images, and what readers said to their verdicts.

    Attributes:
        scored: images with a p-value.
        unlike: of them, those that were called unlike.
        agreed: images whose last review agrees.
        overridden: images whose last review overrides the verdict.
        second_look: images whose last review asks for another reader.
    """

    scored: int
    unlike: int
    agreed: int
    overridden: int
    second_look: int

    @property
    def reviewed(self) -> int:
        """Images whose last review agrees or overrides."""
        return self.agreed + self.overridden

    @property
    def override_rate(self) -> float | None:
        """Share of the reviewed images whose verdict was overridden; None where none was reviewed."""
        return self.overridden / self.reviewed if self.reviewed else None


@dataclass(frozen=True, slots=True)
class ClassCounts(Counts):
    """The same of the images of one predicted class.

    Attributes:
        predicted: its name.
    """

    predicted: str


@dataclass(frozen=True, slots=True)
class Week(Counts):
    """One week of a bundle's use.

    Attributes:
        monday: the day on which it begins, in UTC.
        different: images without their near-duplicates; quantiles and test are of these.
        quantiles: of their p-values, at ``QUANTILES``; near these themselves while images are like the calibration
            images.
        ks_statistic: largest distance between their distribution and that of the calibration images, in [0, 1]; None
            below ``FEWEST``.
        ks_p_value: of the Kolmogorov–Smirnov test of this week alone; None below ``FEWEST``.
        adjusted_p: the same, adjusted for all weeks that were tested (Benjamini–Hochberg).
    """

    monday: date
    different: int
    quantiles: tuple[float, ...]
    ks_statistic: float | None
    ks_p_value: float | None
    adjusted_p: float | None = None

    @property
    def median_p(self) -> float:
        """Median of the p-values."""
        return self.quantiles[QUANTILES.index(0.5)]

    @property
    def has_moved(self) -> bool:
        """Whether its images are no longer like the calibration images."""
        return self.adjusted_p is not None and self.adjusted_p <= LEVEL


@dataclass(frozen=True, slots=True)
class Quality(Counts):
    """What a bundle has done.

    Attributes:
        bundle: its digest.
        calibration: its calibration images; None where they are not known.
        classes: by predicted class, the most frequent first.
        weeks: the oldest first; weeks without results are left out.
    """

    bundle: str
    calibration: int | None
    classes: tuple[ClassCounts, ...]
    weeks: tuple[Week, ...]


def quality(store: Store, bundle: str, calibration: int | None = None, since: datetime | None = None) -> Quality:
    """How a bundle's p-values and reviews went, over all worklists that were scored with it.

    p-values of images that are like the calibration images are uniform but for their steps of 1/(n + 1), n calibration
    images. The Kolmogorov–Smirnov test of a week asks whether they still are. All p-values of a bundle come from the
    same n images, whose own scatter would be taken for drift, the more the longer a week's list is: so the test is that
    of two samples, the week's p-values and those of the calibration images themselves, (r + ½)/(n + 1) for r = 1 … n,
    which stand between the steps. It is then the test of the scores.

    It holds for independent images. Near-duplicates are counted once; images of one patient are not told apart.

    Args:
        store: where the results are.
        bundle: its digest.
        calibration: n; None where it is not known, for the test of one sample, which is then too strict.
        since: moment from which results count; all where None.

    Reference: Bates et al., Testing for outliers with conformal p-values, Annals of Statistics 2023, on what p-values
        from one calibration set share; Benjamini & Hochberg, JRSS B 57, 1995. The tests are ``scipy.stats``'.
    """
    from scipy.stats import false_discovery_control

    images = scored_images(store, bundle, since)
    by_week: dict[date, list[ScoredImage]] = defaultdict(list)
    by_class: dict[str, list[ScoredImage]] = defaultdict(list)
    for image in images:
        by_week[_monday(image.at)].append(image)
        by_class[image.predicted].append(image)
    weeks = [_week(monday, by_week[monday], calibration) for monday in sorted(by_week)]
    tested = [place for place, week in enumerate(weeks) if week.ks_p_value is not None]
    if tested:
        adjusted = false_discovery_control([weeks[place].ks_p_value for place in tested], method="bh")
        for place, least in zip(tested, adjusted, strict=True):
            weeks[place] = replace(weeks[place], adjusted_p=float(least))
    classes = [ClassCounts(*_counts(by_class[name]), name) for name in sorted(by_class)]
    classes.sort(key=lambda row: row.scored, reverse=True)
    return Quality(*_counts(images), bundle, calibration, tuple(classes), tuple(weeks))


def ks_test(values: Sequence[float], calibration: int | None) -> tuple[float, float]:
    """Statistic and p-value of the Kolmogorov–Smirnov test of p-values, as ``quality`` says."""
    from scipy.stats import ks_2samp, kstest

    if calibration is None:
        test = kstest(values, "uniform")
    else:
        test = ks_2samp(values, (np.arange(calibration) + 1.5) / (calibration + 1))
    return float(test.statistic), float(test.pvalue)


def _week(monday: date, images: Sequence[ScoredImage], calibration: int | None) -> Week:
    values = [image.p_value for image in _different(images)]
    statistic, p_value = ks_test(values, calibration) if len(values) >= FEWEST else (None, None)
    quantiles = tuple(float(value) for value in np.quantile(values, QUANTILES))
    return Week(*_counts(images), monday, len(values), quantiles, statistic, p_value)


def _different(images: Sequence[ScoredImage]) -> list[ScoredImage]:
    """The first image of each group of near-duplicates, and all that have no hash, each file once."""
    later = later_ones([(place, image.digest, image.perceptual_hash) for place, image in enumerate(images)])
    return [image for place, image in enumerate(images) if place not in later]


def _counts(images: Sequence[ScoredImage]) -> tuple[int, int, int, int, int]:
    decisions = Counter(image.decision for image in images)
    unlike = sum(image.verdict == "unlike" for image in images)
    return len(images), unlike, decisions["agree"], decisions["override"], decisions["second_look"]


def _monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())
