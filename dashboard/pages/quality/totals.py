"""How much was scored, how much of it is unlike, and what readers said to that, by predicted class."""

import streamlit as st

from dashboard import words
from dashboard.charts import class_counts_table
from dashboard.components.csv_button import csv_button
from nero_core import Inspector
from nero_core.worklist import Quality


def totals(inspector: Inspector, found: Quality) -> None:
    """One sentence and a table."""
    table = class_counts_table(found)
    with st.container(border=True, key="totals"):
        st.subheader(words.plain(inspector.bundle.card.title), anchor=False)
        st.markdown(words.quality.standing(found))
        share = st.column_config.NumberColumn(format="percent")
        st.dataframe(
            table,
            hide_index=True,
            column_config={"share unlike": share, "share overridden": share},
            placeholder="",
            key="classes",
            alt="Scored and reviewed images by predicted class; the same as the CSV download",
        )
        st.caption(
            "Of all worklists on this server that were scored with this reference set. A share overridden is one of "
            "the images that were agreed or overridden; readers who saw the verdict first follow it more often."
        )
        csv_button(table, "reviews-by-class")
