"""What is said of worklists and their items."""

from collections.abc import Sequence

from dashboard.words.numbers import plain
from nero_core.case_report import CaseReport
from nero_core.figures import HEADLINE, number, percent
from nero_core.store import Discoveries, Item, Review, Worklist
from nero_core.worklist import DECISION
from nero_core.worklist import item_name as item_name

STATE = {"waiting": "waits", "claimed": "is being scored", "scored": "scored", "failed": "not scored"}


def described(report: CaseReport) -> str:
    """What the report of a worklist holds, and what is open."""
    overview = report.overview
    assert overview is not None
    pages = f"{len(report.cases)} {'page' if len(report.cases) == 1 else 'pages'} of single images"
    return f"{len(overview.rows)} images in the table, {pages}. {overview.open}"


def standing(listed: Worklist) -> str:
    """``120 of 200 images are done, 3 of them without a score.``; and whether more are to be read."""
    failed = listed.counts.get("failed", 0)
    without = f", {failed} of them without a score" if failed else ""
    if listed.sources and not listed.total:
        return "No image is read yet."
    more = " More are being read." if listed.sources else ""
    return f"{listed.done} of {listed.total} images are done{without}.{more}"


def unlike_at_rate(found: Discoveries) -> str:
    """What Benjamini–Hochberg says of the worklist, with the meaning of its rate in one sentence."""
    total, called = len(found.adjusted), len(found.items)
    meaning = (
        f"Of the images that are called unlike so, on average at most {percent(found.rate)} are like the reference "
        "images."
    )
    if called:
        most = number(found.p_at_most, 2)
        return f"{called} of {total} images are unlike, all taken together (p at most {most}). {meaning}"
    return f"None of {total} images is unlike, all taken together. {meaning}"


def is_blind(item: Item, reader: str) -> bool:
    """Whether a reader must not know yet what the first one said: they are to be the second, and have not answered."""
    return item.first is not None and item.second is None and item.first.reader != reader


def status(item: Item, reader: str) -> str:
    """What a table says of an item, to one reader of it."""
    if item.review is None:
        return STATE[item.state]
    if is_blind(item, reader):
        return "read once"
    return "readers disagree" if item.disagrees else review(item.review)


def readings(item: Item, reader: str) -> str:
    """Who has read an item and what they said, in Markdown; to a second reader only after their own answer."""
    if item.first is None:
        return ""
    if is_blind(item, reader):
        return f"Read first by {plain(item.first.reader)}. What they said is shown once you have answered."
    lines = [f"First reader: {plain(review(item.first))}.{_remarks(item.first)}"]
    if item.second is not None:
        lines.append(f"Second reader: {plain(review(item.second))}.{_remarks(item.second)}")
    elif item.first.decision == "second_look":
        lines.append("It needs a second reader.")
    return "  \n".join(lines)


def comments(reviews: Sequence[Review], item: Item, reader: str) -> list[str]:
    """What was written without a verdict, in Markdown; to a second reader only their own before they have answered."""
    written = [found for found in reviews if found.decision == "comment"]
    if is_blind(item, reader):
        written = [found for found in written if found.reader == reader]
    return [f"{plain(found.reader)}: “{plain(found.comment)}”" for found in written]


def _remarks(found: Review) -> str:
    seen = f" Sees {plain(found.label)}." if found.label else ""
    return f"{seen} “{plain(found.comment)}”" if found.comment else seen


def review(found: Review) -> str:
    """``overridden: like the reference images, by ann``."""
    verdict = f": {HEADLINE[found.verdict].lower()}" if found.verdict else ""
    return f"{DECISION[found.decision]}{verdict}, by {found.reader}"
