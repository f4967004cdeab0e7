"""One case, or several with a table before them, as a file that is kept: PDF and HTML from one description."""

from nero_core.case_report.describe import LONGEST_TEXT, MOST_CASES, describe_case, describe_report
from nero_core.case_report.html import html_report
from nero_core.case_report.pdf import pdf_report
from nero_core.case_report.records import Case, CaseReport, Map, Plot, Review, Scale

__all__ = [
    "LONGEST_TEXT",
    "MOST_CASES",
    "Case",
    "CaseReport",
    "Map",
    "Plot",
    "Review",
    "Scale",
    "describe_case",
    "describe_report",
    "html_report",
    "pdf_report",
]
