"""The front page of a worklist: what was scored and how, what came out, who reviewed it, and all its images."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from nero_core.case_report.records import Facts, Review, Row
from nero_core.figures.numbers import number, percent
from nero_core.figures.wording import HEADLINE
from nero_core.store import Discoveries, Item, Worklist
from nero_core.store import Review as StoredReview
from nero_core.types import VERDICT, Verdict
from nero_core.worklist import DECISION, item_name

Reviews = Mapping[int, Sequence[StoredReview]]
ROLE = {"first": "first reader", "second": "second reader"}
_ORDER: tuple[Verdict, ...] = ("unlike", "borderline", "like")


def list_facts(listed: Worklist, items: Sequence[Item], called: Discoveries, tpr: float) -> Facts:
    """What was scored, how, and what came out.

    Args:
        listed: the worklist.
        items: all of it.
        called: what is unlike over the whole list.
        tpr: share of the reference images that the threshold was set to accept.
    """
    counts = Counter(item.result.verdict for item in items if item.result is not None and item.result.verdict)
    states = Counter(item.state for item in items)
    waits = len(items) - states["scored"] - states["failed"]
    parts = (f"{states['scored']} scored", f"{states['failed']} without a score", f"{waits} not scored yet")
    told = [part for part in parts if not part.startswith("0 ")]
    method = "verdict, by two tests" if listed.method == VERDICT else listed.method
    return (
        ("Worklist", listed.name),
        ("Owner", f"{listed.owner}, who made it on {moment(listed.added)}"),
        ("Images", f"{len(items)}: {', '.join(told)}" if told else "none"),
        ("Verdicts", ", ".join(f"{counts[verdict]} {verdict}" for verdict in _ORDER)),
        ("Method", f"{method}; set so that {percent(tpr)} of images like the reference images pass"),
        ("Whole list", _whole(called)),
    )


def reader_facts(reviews: Iterable[StoredReview]) -> Facts:
    """Who decided on how many images, as which reader, and when, in the order of their first review."""
    by: dict[tuple[str, str], list[StoredReview]] = defaultdict(list)
    for review in reviews:
        if review.decision != "comment":
            by[review.reader, ROLE[review.reading]].append(review)
    lines = []
    for (reader, role), own in by.items():
        images = len({review.item for review in own})
        lines.append((reader, f"{role}: {images} {'image' if images == 1 else 'images'}, {_span(own)}"))
    return tuple(lines)


def open_sentence(items: Sequence[Item]) -> str:
    """How much is reviewed, and what is open."""
    without = sum(item.review is None for item in items)
    again = sum(item.review is not None and item.review.decision == "second_look" for item in items)
    if not items:
        return "There is nothing to review."
    if without == len(items):
        return f"Nobody has reviewed this list: all {without} images are open."
    said = f"Open: {without} of {len(items)} images have no review." if without else "Every image is reviewed."
    return f"{said} {again} {'waits' if again == 1 else 'wait'} for a second look." if again else said


def table_rows(items: Sequence[Item], pages: Mapping[int, int]) -> tuple[Row, ...]:
    """One line an image.

    Args:
        items: in the order of the table.
        pages: by number of the item, its place among the cases.
    """
    return tuple(_row(item, pages.get(item.id)) for item in items)


def printed(reviews: Sequence[StoredReview]) -> tuple[Review, ...]:
    """Reviews of one image as its page has them."""
    return tuple(
        Review(review.reader, decided(review), _said(review), moment(review.at), ROLE[review.reading])
        for review in reviews
    )


def decided(review: StoredReview) -> str:
    """``agreed``; ``overridden: borderline``."""
    own = HEADLINE[review.verdict].lower() if review.verdict else ""
    return f"{DECISION[review.decision]}: {own}" if own else DECISION[review.decision]


def moment(at: datetime | None) -> str:
    """``2026-11-28 10:12 UTC``, to the minute."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _said(review: StoredReview) -> str:
    return "; ".join(filter(None, (f"sees {review.label}" if review.label else "", review.comment)))


def _row(item: Item, page: int | None) -> Row:
    result, review = item.result, item.review
    verdict = result.verdict if result is not None else None
    if result is None:
        says = "not scored yet"
    else:
        says = f"Not scored: {result.error}" if verdict is None else HEADLINE[verdict]
    said = "" if review is None else f"{decided(review)}, {review.reader}"
    return Row(
        item.position + 1,
        item_name(item),
        verdict,
        says,
        result.predicted if result is not None else "",
        "" if result is None or result.p_value is None else number(result.p_value, 2),
        f"{said} ({ROLE['second']})" if review is not None and review.reading == "second" else said,
        page,
    )


def _whole(called: Discoveries) -> str:
    total = len(called.adjusted)
    if not called.items:
        return f"at a rate of {percent(called.rate)} (Benjamini–Hochberg) none of {total} images is unlike"
    return (
        f"at a rate of {percent(called.rate)} (Benjamini–Hochberg) {len(called.items)} of {total} images are unlike, "
        f"p at most {number(called.p_at_most, 2)}"
    )


def _span(reviews: Sequence[StoredReview]) -> str:
    moments = [review.at for review in reviews if review.at is not None]
    first, last = moment(min(moments)), moment(max(moments))
    if first == last:
        return last
    day, minute = first.split()[:2]
    return f"{day} {minute} to {last.removeprefix(day).strip()}"
