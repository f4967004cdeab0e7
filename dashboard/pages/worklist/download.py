"""The worklist as a file."""

import streamlit as st

from dashboard import places, state
from dashboard.pages.worklist.reader import reader
from nero_core.store import Store, Worklist
from nero_core.worklist import FORMATS, export


def download(store: Store, listed: Worklist) -> None:
    """A choice of formats and a button; the file is made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="export"):
        form = st.segmented_control(
            "Export the whole list as", list(FORMATS), default="csv", required=True, key=state.worklist.FORMAT
        )
        rate, actor = state.worklist.rate(), reader()  # the file is made outside of the page
        st.download_button(
            "Export",
            lambda: export(store, listed.id, form or "csv", actor, rate),
            file_name=f"{places.folder_name(listed.name)}.{form}",
            icon=":material/download:",
            key="export_list",
            on_click="ignore",
        )
