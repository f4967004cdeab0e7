"""The items of a worklist: a page of them at a time, sorted and filtered by the database."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from nero_core.store.records import Item, ItemPage, ItemState, Reading, Readings, Result, Review, Verdict
from nero_core.store.schema import ImageRow, ItemRow, ResultRow, ReviewRow
from nero_core.store.store import Store

Sort = Literal[
    "position", "name", "predicted", "confidence", "score", "p_value", "verdict", "state", "review", "disagreement"
]

_RESULT = list(Result.__dataclass_fields__)
_REVIEW = list(Review.__dataclass_fields__)
_ITEM = ("id", "worklist", "position", "name", "frame", "state")

Alias = Any  # of ReviewRow: a class for mypy, none when it runs
LastReview = aliased(ReviewRow, name="last_review")
FirstReading = aliased(ReviewRow, name="first_reading")
SecondReading = aliased(ReviewRow, name="second_reading")
_REVIEWS: dict[str, tuple[Alias, Reading | None]] = {  # field of an item → which of its reviews
    "review": (LastReview, None),
    "first": (FirstReading, "first"),
    "second": (SecondReading, "second"),
}


def is_last_review(
    item: InstrumentedAttribute[int], review: Alias = LastReview, reading: Reading | None = None
) -> ColumnElement[bool]:
    """Whether ``review`` is the last of an item that decides, of one reading where it is given; for ON of a join."""
    number = select(func.max(ReviewRow.id)).where(ReviewRow.item == item, ReviewRow.decision != "comment")
    if reading is not None:
        number = number.where(ReviewRow.reading == reading)
    is_last: ColumnElement[bool] = review.id == number.correlate(item.class_).scalar_subquery()
    return is_last


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items are meant; an empty field lets all pass.

    Attributes:
        states: of the items.
        verdicts: of the results.
        predicted: names of predicted classes.
        decisions: of the last review; ``none`` for items without one.
        readings: ``wanted`` where the first reader asks for a second and none has answered, ``once`` where there is a
            first reading and no second, ``disagree`` where both readers say what it is and not the same.
        p_at_most: p-value at or below which an item passes.
        text: part of the name, or the beginning of the digest; upper and lower case alike.
        besides: numbers of items that do not pass.
    """

    states: Collection[ItemState] = ()
    verdicts: Collection[Verdict] = ()
    predicted: Collection[str] = ()
    decisions: Collection[str] = ()
    readings: Collection[Readings] = ()
    p_at_most: float | None = None
    text: str = ""
    besides: Collection[int] = ()


EVERYTHING = Filter()


def find_items(
    store: Store,
    worklist: int,
    sort: Sort = "position",
    descending: bool = False,
    where: Filter = EVERYTHING,
    offset: int = 0,
    limit: int = 50,
) -> ItemPage:
    """One page of a worklist.

    Args:
        store: where it is.
        worklist: its number.
        sort: column; equal ones are in the order of the worklist, and items that have none come last.
        descending: whether the largest comes first.
        where: which items.
        offset: items that the pages before have.
        limit: items of a page.
    """
    passing, order = _conditions(worklist, where), _order(sort, descending)
    with store.reading() as connection:
        counted = _joined(select(func.count(ItemRow.id)), _reviews_asked(where))
        total = connection.execute(counted.where(*passing)).scalar_one()
        # First which ones, and only then all that is known of them: of thousands of items it would be sorted as well.
        chosen = _joined(select(ItemRow.id), _reviews_asked(where, sort)).where(*passing).order_by(*order)
        query = item_query().where(ItemRow.id.in_(chosen.limit(limit).offset(offset))).order_by(*order)
        return ItemPage(tuple(map(read_item, connection.execute(query).mappings())), total)


def all_items(
    store: Store, worklist: int, sort: Sort = "position", where: Filter = EVERYTHING, piece: int = 500
) -> Iterator[Item]:
    """All items of a worklist, some at a time in memory; the arguments are those of ``find_items``."""
    offset = 0
    while page := find_items(store, worklist, sort, where=where, offset=offset, limit=piece).items:
        yield from page
        offset += len(page)


def place_of(
    store: Store,
    worklist: int,
    position: int,
    sort: Sort = "position",
    descending: bool = False,
    where: Filter = EVERYTHING,
) -> int | None:
    """Where ``find_items`` of the same order has the item of a position: its place from 0, None where it has it not."""
    place = (func.row_number().over(order_by=_order(sort, descending)) - 1).label("place")
    ranked = (
        _joined(select(ItemRow.position, place), _reviews_asked(where, sort))
        .where(*_conditions(worklist, where))
        .subquery()
    )
    with store.reading() as connection:
        found = connection.execute(select(ranked.c.place).where(ranked.c.position == position)).scalar()
    return None if found is None else int(found)


def find_item(store: Store, number: int, worklist: int | None = None) -> Item | None:
    """The item of a number, where it is in the worklist; None where there is none."""
    query = item_query().where(ItemRow.id == number)
    if worklist is not None:
        query = query.where(ItemRow.worklist == worklist)
    with store.reading() as connection:
        values = connection.execute(query).mappings().first()
    return None if values is None else read_item(values)


def item_query() -> Select[Any]:
    """Items with their result and the reviews that stand, for ``read_item``."""
    columns = [getattr(ItemRow, name).label(f"item_{name}") for name in _ITEM]
    columns += [ImageRow.digest.label("item_digest")]
    columns += [getattr(ResultRow, name).label(f"result_{name}") for name in _RESULT]
    for field, (review, _) in _REVIEWS.items():
        columns += [getattr(review, name).label(f"{field}_{name}") for name in _REVIEW]
    return _joined(select(*columns))


def read_item(values: Mapping[Any, Any]) -> Item:
    """The record of a row of ``item_query``, by the names of its columns."""
    result = None
    if values["result_at"] is not None:
        result = Result(**{name: values[f"result_{name}"] for name in _RESULT})
    reviews: dict[str, Any] = {
        field: Review(**{name: values[f"{field}_{name}"] for name in _REVIEW})
        for field in _REVIEWS
        if values[f"{field}_id"] is not None
    }
    item = {name: values[f"item_{name}"] for name in (*_ITEM, "digest")}
    return Item(**{**item, "name": item["name"] or ""}, result=result, **reviews)


def _joined(query: Select[Any], reviews: Collection[str] = tuple(_REVIEWS)) -> Select[Any]:
    query = query.select_from(ItemRow).join(ImageRow, ImageRow.id == ItemRow.image)
    query = query.outerjoin(ResultRow, ResultRow.item == ItemRow.id)
    for field in reviews:
        review, reading = _REVIEWS[field]
        query = query.outerjoin(review, is_last_review(ItemRow.id, review, reading))
    return query


def _reviews_asked(where: Filter, sort: Sort = "position") -> list[str]:
    """The reviews that a filter and an order look at: to find the last ones of each item takes most of the time."""
    fields = ["review"] if where.decisions or sort == "review" else []
    return [*fields, *(["first", "second"] if where.readings or sort == "disagreement" else [])]


def _says(review: Alias) -> ColumnElement[str | None]:
    """The verdict of a reader, as ``records.says``."""
    return case((review.decision == "agree", ResultRow.verdict), else_=review.verdict)


def _disagree() -> ColumnElement[bool]:
    """Whether both readers say what the image is, and not the same; false where one says nothing."""
    return func.coalesce(_says(FirstReading) != _says(SecondReading), False)


def _has_readings(readings: Readings) -> ColumnElement[bool]:
    is_read_once = and_(FirstReading.id.is_not(None), SecondReading.id.is_(None))
    if readings == "disagree":
        return _disagree()
    return is_read_once if readings == "once" else and_(is_read_once, FirstReading.decision == "second_look")


def _order(sort: Sort, descending: bool) -> tuple[ColumnElement[Any], ...]:
    columns: dict[str, Any] = {
        "position": ItemRow.position,
        "name": ItemRow.name,
        "state": ItemRow.state,
        "review": LastReview.decision,
        "disagreement": case((_disagree(), 0), (SecondReading.id.is_not(None), 1), (FirstReading.id.is_not(None), 2)),
        **{name: getattr(ResultRow, name) for name in ("predicted", "confidence", "score", "p_value", "verdict")},
    }
    column = columns[sort]
    first = (column.desc() if descending else column.asc()).nulls_last()
    if sort == "p_value":  # many share the smallest one: of these the highest score comes first
        score = ResultRow.score.asc() if descending else ResultRow.score.desc()
        return first, score.nulls_last(), ItemRow.position.asc()
    return first, ItemRow.position.asc()


def _conditions(worklist: int, where: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [ItemRow.worklist == worklist]
    if where.besides:
        conditions.append(ItemRow.id.not_in(where.besides))
    if where.states:
        conditions.append(ItemRow.state.in_(where.states))
    if where.verdicts:
        conditions.append(ResultRow.verdict.in_(where.verdicts))
    if where.predicted:
        conditions.append(ResultRow.predicted.in_(where.predicted))
    if where.decisions:
        decided = LastReview.decision.in_([name for name in where.decisions if name != "none"])
        conditions.append(or_(decided, LastReview.id.is_(None)) if "none" in where.decisions else decided)
    if where.readings:
        conditions.append(or_(*map(_has_readings, where.readings)))
    if where.p_at_most is not None:
        conditions.append(ResultRow.p_value <= where.p_at_most)
    if where.text:
        conditions.append(
            or_(
                ItemRow.name.icontains(where.text, autoescape=True),
                ImageRow.digest.startswith(where.text.lower(), autoescape=True),
            )
        )
    return conditions
