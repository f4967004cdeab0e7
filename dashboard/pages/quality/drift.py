"""p of the reference set over time, and what the test of each week says."""

import streamlit as st

from dashboard import charts, theme, words
from dashboard.components.csv_button import csv_button
from nero_core.worklist import Quality


def drift(found: Quality) -> None:
    """A sentence, the plot, its meaning, and the table where it is wanted."""
    table = charts.drift_table(found)
    with st.container(border=True, key="drift"):
        st.subheader("p over time", anchor=False)
        st.markdown(words.quality.drift(found))
        st.plotly_chart(
            charts.drift_plot(found, theme.theme_of(st.context.theme.type)),
            key="drift_plot",
            config=charts.toolbar("p-over-time"),
        )
        st.caption(
            "A bar a week: thick the middle half of its p-values, thin the middle 80 %, the symbol their median. "
            "Dotted and dashed: where quarters and the median lie while nothing has moved."
        )
        st.caption(words.quality.MEANING)
        st.caption(words.quality.CAUTION)
        with st.expander("The weeks as a table", icon=":material/table:"):
            st.dataframe(table, hide_index=True, placeholder="", key="weeks", alt="The weeks of the chart")
            csv_button(table, "p-over-time")
