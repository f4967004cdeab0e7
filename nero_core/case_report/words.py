"""What PDF and HTML say alike around the cases."""

from nero_core.case_report.records import Case, CaseReport, Facts, Review, Row
from nero_core.figures.style import ID, OOD
from nero_core.figures.verdict_words import SYMBOL
from nero_core.types import Verdict

BRACKETS = "[U+…] stands for a character, by its number in Unicode, that the fonts of this file lack or that is unseen."
_BORDERLINE = "#E69F00"  # Okabe-Ito, as on the screen
UNSCORED = "#595959"
_COLOUR: dict[Verdict, str] = {"like": ID, "borderline": _BORDERLINE, "unlike": OOD}


def colour(verdict: Verdict) -> str:
    """Of the verdict's symbol; its shape says the same in black and white."""
    return _COLOUR[verdict]


def dimmed(case: Case) -> str:
    """The heading of the fact that is set in grey, as its words say; empty where none is."""
    return "Predicted" if case.verdict == "unlike" else ""


def made_on(report: CaseReport) -> str:
    """``2026-11-28``, or ``undated``."""
    return "undated" if report.made_on is None else report.made_on.isoformat()


def answered(report: CaseReport) -> Facts:
    """What answered, and who signed."""
    return (*report.model, ("Signed", report.signed_by)) if report.signed_by else report.model


def tally(report: CaseReport) -> str:
    """``4 of 30 need a look.``"""
    unlike = sum(case.verdict == "unlike" for case in report.cases)
    return f"{unlike} of {len(report.cases)} {'needs' if unlike == 1 else 'need'} a look."


def review_facts(review: Review) -> Facts:
    """A review, line by line; what was left empty is left out."""
    rows = (
        ("Decision", review.decision),
        ("Reader", ", ".join(filter(None, (review.reader, review.role)))),
        ("When", review.when),
        ("Comment", review.comment),
    )
    return tuple((name, says) for name, says in rows if says)


def rows(report: CaseReport) -> tuple[Row, ...]:
    """Of the table before the cases: those of the worklist, or one a case; none where there is one case and every file
    is in it."""
    if report.overview is not None:
        return report.overview.rows
    if len(report.cases) == 1 and not report.left_out:
        return ()
    return tuple(
        Row(place + 1, case.name, case.verdict, case.headline, case.predicted, case.p_value, _briefly(case), place)
        for place, case in enumerate(report.cases)
    )


def row_symbol(row: Row) -> tuple[str, str]:
    """Symbol of the verdict and its colour; a dash where there is none."""
    return ("–", UNSCORED) if row.verdict is None else (SYMBOL[row.verdict], colour(row.verdict))


def _briefly(case: Case) -> str:
    """The last review in the table."""
    last = case.reviews[-1] if case.reviews else None
    return "" if last is None else f"{last.decision}, {last.reader}".strip(", ")
