"""Page config, navigation and the one place where errors become sentences; nothing else."""

from pathlib import Path

import streamlit as st

from dashboard import theme
from dashboard.components import sidebar
from dashboard.components.one_step_back import one_step_back
from dashboard.components.restart_notice import restart_notice
from dashboard.plain_errors import plain_errors

PAGES = Path(__file__).parent / "app_pages"
LOGO = Path(__file__).resolve().parents[1] / "assets" / "logo.svg"

st.set_page_config(page_title="NERO Dashboard", page_icon=theme.ICON, layout="wide")
st.html(theme.STYLE)
if LOGO.is_file():
    st.logo(str(LOGO), size="large")

pages = [
    st.Page(PAGES / "screen_an_image.py", title="Screen an image", icon=":material/image_search:", default=True),
    st.Page(PAGES / "compare_methods.py", title="Compare methods", icon=":material/compare_arrows:"),
    st.Page(PAGES / "neuron_explorer.py", title="Neuron explorer", icon=":material/hub:"),
    st.Page(PAGES / "learn.py", title="Learn", icon=":material/school:"),
    st.Page(PAGES / "your_own_model.py", title="Your own model", icon=":material/model_training:"),
    st.Page(PAGES / "about_this_model.py", title="About this model", icon=":material/info:"),
]
page = st.navigation(pages, position="hidden")
sidebar.frame(pages)
restart_notice()
one_step_back()
with plain_errors():
    page.run()
