"""What is said of worklists and their items."""

from nero_core.case_report import CaseReport
from nero_core.figures import HEADLINE, number, percent
from nero_core.store import Discoveries, Review, Worklist
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
    """``120 of 200 images are done, 3 of them without a score.``"""
    failed = listed.counts.get("failed", 0)
    without = f", {failed} of them without a score" if failed else ""
    return f"{listed.done} of {listed.total} images are done{without}."


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


def review(found: Review) -> str:
    """``overridden: like the reference images, by ann``."""
    verdict = f": {HEADLINE[found.verdict].lower()}" if found.verdict else ""
    return f"{DECISION[found.decision]}{verdict}, by {found.reader}"
