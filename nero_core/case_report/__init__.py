"""One case, or several with a table before them, as a file that is kept: PDF and HTML from one description."""

from nero_core.case_report.audit import note_report
from nero_core.case_report.describe import LONGEST_TEXT, MOST_CASES, describe_case, describe_report
from nero_core.case_report.html import html_report
from nero_core.case_report.pdf import pdf_report
from nero_core.case_report.records import Case, CaseReport, Map, Neighbour, Overview, Plot, Review, Row, Scale, Similar
from nero_core.case_report.signature import Signer, can_sign, load_signer, signed_report
from nero_core.case_report.worklist import MOST_PAGES, PAGES, ListSettings, describe_worklist

__all__ = [
    "LONGEST_TEXT",
    "MOST_CASES",
    "MOST_PAGES",
    "PAGES",
    "Case",
    "CaseReport",
    "ListSettings",
    "Map",
    "Neighbour",
    "Overview",
    "Plot",
    "Review",
    "Row",
    "Scale",
    "Signer",
    "Similar",
    "can_sign",
    "describe_case",
    "describe_report",
    "describe_worklist",
    "html_report",
    "load_signer",
    "note_report",
    "pdf_report",
    "signed_report",
]
