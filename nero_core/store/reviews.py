"""Reviews: added, never changed. The last one stands; all are there to be read."""

from sqlalchemy import insert, select

from nero_core.errors import StoreError
from nero_core.store.audit import write_lines
from nero_core.store.records import Review
from nero_core.store.schema import ImageRow, ItemRow, ResultRow, ReviewRow
from nero_core.store.store import Store

LONGEST = 4000  # characters of a comment
LONGEST_CLASS = 200  # and of a class


def add_review(store: Store, review: Review) -> Review:
    """Add a review.

    Returns:
        The same with its number and moment.

    Raises:
        StoreError: the item is gone or not scored yet, comment or class are too long, or somebody would be the second
            reader of what they read first, or of what nobody has read, or first reader of what another has read first.
    """
    if len(review.comment) > LONGEST:
        raise StoreError(
            f"Expected a comment of at most {LONGEST} characters. Found {len(review.comment)}. Shorten it."
        )
    if len(review.label) > LONGEST_CLASS:
        raise StoreError(
            f"Expected a class of at most {LONGEST_CLASS} characters. Found {len(review.label)}. "
            "Say more in the comment."
        )
    now = store.now()
    with store.writing() as connection:
        query = select(ItemRow.worklist, ItemRow.state, ImageRow.digest, ResultRow.bundle, ResultRow.verdict)
        query = query.join(ImageRow, ImageRow.id == ItemRow.image).outerjoin(ResultRow, ResultRow.item == ItemRow.id)
        item = connection.execute(query.where(ItemRow.id == review.item).with_for_update(of=ItemRow)).first()
        if item is None:
            raise StoreError(f"Expected an item of number {review.item}. Found none. It may have been deleted.")
        if item.state not in ("scored", "failed"):
            raise StoreError(
                "Expected an item that is scored. Found one that waits. Review it when it has its verdict."
            )
        if review.decision != "comment":
            first = select(ReviewRow.reader).where(ReviewRow.item == review.item, ReviewRow.reading == "first")
            first = first.where(ReviewRow.decision != "comment").order_by(ReviewRow.id.desc()).limit(1)
            _check_reading(review, connection.execute(first).scalar())
        names = ("item", "reader", "reading", "decision", "verdict", "label", "comment")
        values = {name: getattr(review, name) for name in names}
        number = connection.execute(insert(ReviewRow).values(**values, at=now).returning(ReviewRow.id)).scalar_one()
        details = {
            "review": number,
            "item": review.item,
            "worklist": item.worklist,
            "image": item.digest,
            "bundle": item.bundle,
            "verdict": item.verdict,
            "reading": review.reading,
            "decision": review.decision,
            "verdict_of_reader": review.verdict,
        }
        write_lines(connection, store, review.reader, "review", [details])
    return Review(**values, id=number, at=now)


def reviews_of(store: Store, item: int) -> tuple[Review, ...]:
    """All reviews of an item, in the order in which they were added."""
    columns = [getattr(ReviewRow, name) for name in Review.__dataclass_fields__]
    with store.reading() as connection:
        rows = connection.execute(select(*columns).where(ReviewRow.item == item).order_by(ReviewRow.id))
        return tuple(Review(**row._mapping) for row in rows)


def reviews_in(store: Store, worklist: int) -> tuple[Review, ...]:
    """All reviews of a worklist's items, in the order in which they were added."""
    columns = [getattr(ReviewRow, name) for name in Review.__dataclass_fields__]
    query = select(*columns).join(ItemRow, ItemRow.id == ReviewRow.item).where(ItemRow.worklist == worklist)
    with store.reading() as connection:
        return tuple(Review(**row._mapping) for row in connection.execute(query.order_by(ReviewRow.id)))


def _check_reading(review: Review, first: str | None) -> None:
    """See that two readings are those of two readers. ``first`` is who has read first; None where nobody has."""
    if review.reading == "second" and first in (None, review.reader):
        raise StoreError(
            f"Expected a first reader other than {review.reader}. Found {'the same' if first else 'none'}. "
            "Review as the first reader, or ask somebody else to."
        )
    if review.reading == "first" and first not in (None, review.reader):
        raise StoreError(
            f"Expected {review.reader} as the second reader. Found that another has read the image first. "
            "Look at it again and review it as the second reader."
        )
