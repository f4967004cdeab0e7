"""What PDF and HTML say alike around the cases."""

from nero_core.case_report.records import Case, CaseReport, Facts, Review
from nero_core.figures.style import ID, OOD
from nero_core.figures.verdict_words import SYMBOL
from nero_core.types import Verdict

BRACKETS = "[U+…] stands for a character, by its number in Unicode, that the fonts of this file lack or that is unseen."
_BORDERLINE = "#E69F00"  # Okabe-Ito, as on the screen
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


def tally(report: CaseReport) -> str:
    """``4 of 30 need a look.``"""
    unlike = sum(case.verdict == "unlike" for case in report.cases)
    return f"{unlike} of {len(report.cases)} {'needs' if unlike == 1 else 'need'} a look."


def review_facts(review: Review) -> Facts:
    """A review, line by line; what was left empty is left out."""
    rows = (
        ("Decision", review.decision),
        ("Reader", review.reader),
        ("When", review.when),
        ("Comment", review.comment),
    )
    return tuple((name, says) for name, says in rows if says)


def summary(report: CaseReport) -> list[dict[str, str]]:
    """A row for each case; none where there is one case and every file is in it."""
    if len(report.cases) == 1 and not report.left_out:
        return []
    return [
        {
            "place": str(place),
            "name": case.name,
            "symbol": SYMBOL[case.verdict],
            "colour": colour(case.verdict),
            "headline": case.headline,
            "predicted": case.predicted,
            "p_value": case.p_value,
            "review": "" if case.review is None else f"{case.review.decision}, {case.review.reader}".strip(", "),
        }
        for place, case in enumerate(report.cases, 1)
    ]
