"""One button that hands out a table."""

import streamlit as st

from dashboard.charts.frame import Table
from dashboard.tables import csv_text


def csv_button(table: Table, stem: str, explains: str | None = None) -> None:
    """A download of a table as ``stem.csv``; ``explains`` is shown on hovering."""
    st.download_button(
        "Download as CSV",
        csv_text(table),
        file_name=f"{stem}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help=explains,
        key=f"csv_{stem}",
    )
