"""What many results together say: which images stay unlike over a whole worklist, and whether the world has moved."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from nero_core.errors import StoreError
from nero_core.store.items import LastReview, is_last_review
from nero_core.store.schema import ItemRow, ResultRow
from nero_core.store.store import Store

FEWEST = 5  # p-values of a week below which no test is made


@dataclass(frozen=True, slots=True)
class Discoveries:
    """The images of a worklist that are called unlike at one rate for all of them.

    Attributes:
        rate: expected share of images like the reference images among those that are called unlike, at most.
        adjusted: by number of the item, the smallest rate at which the image is called unlike.
        items: those that are, in order of their numbers.
        p_at_most: the largest p-value among them, for ``Filter``; 0 where there are none.
    """

    rate: float
    adjusted: dict[int, float]
    items: tuple[int, ...]
    p_at_most: float


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a bundle's use.

    Attributes:
        monday: the day on which it begins, in UTC.
        scored: images with a p-value.
        median_p: of them; near 0.5 while they are like the reference images.
        ks_statistic: largest distance between their distribution and the uniform one, in [0, 1]; None below ``FEWEST``.
        ks_p_value: of the Kolmogorov–Smirnov test; small = the images are no longer like the reference images.
        reviewed: images whose last review agrees or overrides.
        overridden: of these, images whose last review overrides the verdict.
    """

    monday: date
    scored: int
    median_p: float
    ks_statistic: float | None
    ks_p_value: float | None
    reviewed: int
    overridden: int

    @property
    def override_rate(self) -> float | None:
        """Share of the reviewed images whose verdict was overridden; None where none was reviewed."""
        return self.overridden / self.reviewed if self.reviewed else None


def discoveries(store: Store, worklist: int, rate: float = 0.1) -> Discoveries:
    """Benjamini–Hochberg over the p-values of a worklist's scored items.

    Raises:
        StoreError: the rate is not between 0 and 1.

    Reference: Benjamini & Hochberg, Controlling the False Discovery Rate, JRSS B 57, 1995.
    """
    from scipy.stats import false_discovery_control

    if not 0 < rate < 1:
        raise StoreError(f"Expected a rate between 0 and 1. Found {rate}. A usual one is 0.1.")
    query = select(ItemRow.id, ResultRow.p_value).join(ResultRow, ResultRow.item == ItemRow.id)
    query = query.where(ItemRow.worklist == worklist, ResultRow.p_value.is_not(None)).order_by(ItemRow.id)
    with store.reading() as connection:
        found = [(row.id, float(row.p_value)) for row in connection.execute(query)]
    if not found:
        return Discoveries(rate, {}, (), 0.0)
    adjusted = false_discovery_control([p for _, p in found], method="bh")
    unlike = [(number, p) for (number, p), least in zip(found, adjusted, strict=True) if least <= rate]
    return Discoveries(
        rate,
        {number: float(least) for (number, _), least in zip(found, adjusted, strict=True)},
        tuple(number for number, _ in unlike),
        max((p for _, p in unlike), default=0.0),
    )


def weeks(store: Store, bundle: str, since: datetime | None = None) -> tuple[Week, ...]:
    """How a bundle's p-values and reviews went, week by week, the oldest first; weeks without results are left out.

    p-values of images like the calibration images are uniform but for their steps of 1/(n + 1); the test of a week asks
    whether they still are.

    Reference: Vovk et al., Algorithmic Learning in a Random World, 2005, on the uniform p-values; the test is
        ``scipy.stats.kstest``.
    """
    query: Any = select(ResultRow.at, ResultRow.p_value, LastReview.decision)
    query = query.outerjoin(LastReview, is_last_review(ResultRow.item))
    query = query.where(ResultRow.bundle == bundle, ResultRow.p_value.is_not(None))
    if since is not None:
        query = query.where(ResultRow.at >= since)
    by_week: dict[date, list[tuple[float, str | None]]] = defaultdict(list)
    with store.reading() as connection:
        for at, p_value, decision in connection.execute(query):
            by_week[_monday(at)].append((float(p_value or 0), decision))
    return tuple(_week(monday, by_week[monday]) for monday in sorted(by_week))


def p_values(store: Store, bundle: str, since: datetime | None = None) -> tuple[tuple[datetime, float], ...]:
    """When each image was scored with a bundle, and its p-value, in the order of the results."""
    query = select(ResultRow.at, ResultRow.p_value).where(ResultRow.bundle == bundle, ResultRow.p_value.is_not(None))
    if since is not None:
        query = query.where(ResultRow.at >= since)
    with store.reading() as connection:
        return tuple((row.at, float(row.p_value or 0)) for row in connection.execute(query.order_by(ResultRow.id)))


def perceptual_hashes(store: Store, worklist: int) -> tuple[tuple[int, str], ...]:
    """Number and perceptual hash of each item of a worklist that has one, in the order of the worklist."""
    query = select(ItemRow.id, ResultRow.perceptual_hash).join(ResultRow, ResultRow.item == ItemRow.id)
    query = query.where(ItemRow.worklist == worklist, ResultRow.perceptual_hash.is_not(None))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(ItemRow.position))
        return tuple((row.id, str(row.perceptual_hash)) for row in rows)


def bundles_in_use(store: Store) -> tuple[str, ...]:
    """Digests of the bundles that have results, in order."""
    with store.reading() as connection:
        return tuple(connection.execute(select(ResultRow.bundle).distinct().order_by(ResultRow.bundle)).scalars())


def _week(monday: date, found: list[tuple[float, str | None]]) -> Week:
    from scipy.stats import kstest

    values = np.array([p for p, _ in found], np.float64)
    test = kstest(values, "uniform") if len(values) >= FEWEST else None
    decisions = [decision for _, decision in found if decision in ("agree", "override")]
    return Week(
        monday,
        len(values),
        float(np.median(values)),
        None if test is None else float(test.statistic),
        None if test is None else float(test.pvalue),
        len(decisions),
        decisions.count("override"),
    )


def _monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())
