"""The items of a worklist: a page of them at a time, sorted and filtered by the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from nero_core.store.records import Item, ItemPage, ItemState, Result, Review, Verdict
from nero_core.store.schema import ImageRow, ItemRow, ResultRow, ReviewRow
from nero_core.store.store import Store

Sort = Literal["position", "name", "predicted", "confidence", "score", "p_value", "verdict", "state", "review"]

_RESULT = list(Result.__dataclass_fields__)
_REVIEW = list(Review.__dataclass_fields__)
_ITEM = ("id", "worklist", "position", "name", "frame", "state")

LastReview = aliased(ReviewRow, name="last_review")


def is_last_review(item: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Whether ``LastReview`` is the last of an item that decides; for the ON of a join."""
    number = select(func.max(ReviewRow.id)).where(ReviewRow.item == item, ReviewRow.decision != "comment")
    return LastReview.id == number.correlate(item.class_).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items are meant; an empty field lets all pass.

    Attributes:
        states: of the items.
        verdicts: of the results.
        predicted: names of predicted classes.
        decisions: of the last review; ``none`` for items without one.
        p_at_most: p-value at or below which an item passes.
        text: part of the name, or the beginning of the digest; upper and lower case alike.
        besides: numbers of items that do not pass.
    """

    states: Collection[ItemState] = ()
    verdicts: Collection[Verdict] = ()
    predicted: Collection[str] = ()
    decisions: Collection[str] = ()
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
    passing = _conditions(worklist, where)
    with store.reading() as connection:
        total = connection.execute(_joined(select(func.count(ItemRow.id))).where(*passing)).scalar_one()
        query = item_query().where(*passing).order_by(*_order(sort, descending)).limit(limit).offset(offset)
        return ItemPage(tuple(map(read_item, connection.execute(query).mappings())), total)


def find_item(store: Store, number: int, worklist: int | None = None) -> Item | None:
    """The item of a number, where it is in the worklist; None where there is none."""
    query = item_query().where(ItemRow.id == number)
    if worklist is not None:
        query = query.where(ItemRow.worklist == worklist)
    with store.reading() as connection:
        values = connection.execute(query).mappings().first()
    return None if values is None else read_item(values)


def item_query() -> Select[Any]:
    """Items with their result and last review, for ``read_item``."""
    columns = [getattr(ItemRow, name).label(f"item_{name}") for name in _ITEM]
    columns += [ImageRow.digest.label("item_digest")]
    columns += [getattr(ResultRow, name).label(f"result_{name}") for name in _RESULT]
    columns += [getattr(LastReview, name).label(f"review_{name}") for name in _REVIEW]
    return _joined(select(*columns))


def read_item(values: Mapping[Any, Any]) -> Item:
    """The record of a row of ``item_query``, by the names of its columns."""
    result = review = None
    if values["result_at"] is not None:
        result = Result(**{name: values[f"result_{name}"] for name in _RESULT})
    if values["review_id"] is not None:
        review = Review(**{name: values[f"review_{name}"] for name in _REVIEW})
    item = {name: values[f"item_{name}"] for name in (*_ITEM, "digest")}
    return Item(**{**item, "name": item["name"] or ""}, result=result, review=review)


def _joined(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(ItemRow)
        .join(ImageRow, ImageRow.id == ItemRow.image)
        .outerjoin(ResultRow, ResultRow.item == ItemRow.id)
        .outerjoin(LastReview, is_last_review(ItemRow.id))
    )


def _order(sort: Sort, descending: bool) -> tuple[ColumnElement[Any], ...]:
    columns: dict[str, Any] = {
        "position": ItemRow.position,
        "name": ItemRow.name,
        "state": ItemRow.state,
        "review": LastReview.decision,
        **{name: getattr(ResultRow, name) for name in ("predicted", "confidence", "score", "p_value", "verdict")},
    }
    column = columns[sort]
    first = column.desc() if descending else column.asc()
    return first.nulls_last(), ItemRow.position.asc()


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
