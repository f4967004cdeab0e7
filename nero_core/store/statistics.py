"""What many results together say: which images stay unlike over a whole worklist, and all that a bundle has scored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from nero_core.errors import StoreError
from nero_core.store.items import LastReview, is_last_review
from nero_core.store.records import Decision, Verdict
from nero_core.store.schema import ImageRow, ItemRow, ResultRow
from nero_core.store.store import Store


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
class ScoredImage:
    """An image that has a p-value, and the review that stands.

    Attributes:
        item: number of the item.
        worklist: number of its worklist.
        digest: SHA-256 of the uploaded bytes.
        at: when it was scored.
        p_value: conformal, in (0, 1].
        verdict: ``like``, ``borderline`` or ``unlike``.
        predicted: name of the predicted class.
        perceptual_hash: None where there is none.
        decision: of the last review that decides; None where nobody has reviewed it.
    """

    item: int
    worklist: int
    digest: str
    at: datetime
    p_value: float
    verdict: Verdict
    predicted: str
    perceptual_hash: str | None
    decision: Decision | None


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


def scored_images(store: Store, bundle: str, since: datetime | None = None) -> tuple[ScoredImage, ...]:
    """All images that were scored with a bundle, whosever worklists they are in, in the order of their results."""
    own = ("item", "at", "p_value", "verdict", "predicted", "perceptual_hash")
    columns = [getattr(ResultRow, name) for name in own]
    query: Any = select(*columns, ItemRow.worklist, ImageRow.digest, LastReview.decision)
    query = query.join(ItemRow, ItemRow.id == ResultRow.item).join(ImageRow, ImageRow.id == ItemRow.image)
    query = query.outerjoin(LastReview, is_last_review(ResultRow.item))
    query = query.where(ResultRow.bundle == bundle, ResultRow.p_value.is_not(None))
    if since is not None:
        query = query.where(ResultRow.at >= since)
    with store.reading() as connection:
        return tuple(ScoredImage(**row._mapping) for row in connection.execute(query.order_by(ResultRow.id)))


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
