"""A benchmark on paper: tables and one page that stands alone."""

from nero_core.report.page import page
from nero_core.report.protocol import FIGURE_NAMES, percent, protocol
from nero_core.report.tables import csv_table, markdown
from nero_core.report.write import write_reports

__all__ = ["FIGURE_NAMES", "csv_table", "markdown", "page", "percent", "protocol", "write_reports"]
