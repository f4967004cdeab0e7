"""Navigation, what stands around every page, and the one place where errors become sentences; nothing else."""

from pathlib import Path

import streamlit as st

from dashboard import access, theme
from dashboard.components import sidebar
from dashboard.components.one_step_back import one_step_back
from dashboard.components.restart_notice import restart_notice
from dashboard.plain_errors import plain_errors
from nero_core.shipped import assets

PAGES = Path(__file__).parent / "pages"
LOGO = assets() / "logo.svg"
ROOMS: tuple[tuple[str, str, str, str, access.Role], ...] = (  # folder, address, title, icon, who may
    ("screen", "screen_an_image", "Screen an image", "image_search", "viewer"),
    ("worklist", "worklist", "Worklist", "checklist", "reviewer"),
    ("compare", "compare_methods", "Compare methods", "compare_arrows", "viewer"),
    ("explorer", "neuron_explorer", "Neuron explorer", "hub", "viewer"),
    ("learn", "learn", "Learn", "school", "viewer"),
    ("own_model", "your_own_model", "Your own model", "model_training", "operator"),
    ("quality", "quality_over_time", "Quality over time", "monitoring", "operator"),
    ("about", "about_this_model", "About this model", "info", "viewer"),
)


def show() -> None:
    """The page that the address names."""
    st.set_page_config(page_icon=theme.ICON)
    st.html(theme.STYLE)
    if LOGO.is_file():
        st.logo(str(LOGO), size="large")
    visitor = access.admit()
    pages = [
        st.Page(
            PAGES / room / "page.py", title=title, icon=f":material/{icon}:", url_path=url, default=room == "screen"
        )
        for room, url, title, icon, role in ROOMS
        if visitor.may(role)
    ]
    page = st.navigation(pages, position="hidden")
    sidebar.frame(pages, visitor)
    restart_notice()
    one_step_back()
    with plain_errors():
        page.run()
