"""The plot of a step: how it stands on the page, and how it is saved."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.components.figure_download import Origin, figure_download
from dashboard.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lesson_theme() -> Theme:
    """The browser's, light or dark."""
    return theme_of(st.context.theme.type)


def plotted(
    place: DeltaGenerator, footer: Origin, figure: object, name: str, alt: str, says: str, make: "Callable[[], Figure]"
) -> None:
    """The plot, how to read it, and the same for a paper."""
    with place:
        st.plotly_chart(figure, key=f"lesson_plot_{name}", config={"displayModeBar": False}, alt=alt)
        st.caption(says)
        figure_download(f"lesson {name}", make, f"lesson_{name}", footer=footer)
