"""The first thing that a visitor sees: words, while the server still imports; then the page, see ``frame.py``."""

from importlib import import_module

import streamlit as st

from dashboard.starting import wait_for_imports

st.set_page_config(page_title="NERO Dashboard", layout="wide")
words = st.empty()
if not wait_for_imports(0):
    with words, st.spinner("The server is starting: it loads PyTorch, which takes some seconds …", show_time=True):
        wait_for_imports()
import_module("dashboard.frame").show()
