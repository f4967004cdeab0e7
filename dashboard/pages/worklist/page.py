"""Worklist: many images as one list, scored in the background, read one by one."""

import streamlit as st

from dashboard import resources, state
from dashboard.components.sidebar import reference_set
from dashboard.pages.worklist.answer import answer
from dashboard.pages.worklist.creation import creation
from dashboard.pages.worklist.download import download
from dashboard.pages.worklist.item_card import item_card
from dashboard.pages.worklist.item_table import item_table
from dashboard.pages.worklist.list_report import list_report
from dashboard.pages.worklist.reader import reader
from dashboard.pages.worklist.scoring import scoring
from dashboard.pages.worklist.second_reader import second_reader
from dashboard.pages.worklist.shelf import opened, shelf
from dashboard.plain_errors import plain_errors

st.title("Worklist", anchor=False)
inspector = reference_set()
store = resources.worklists.store()
listed = opened(store)
if listed is None:
    shelf(store)
    creation(store, inspector)
    st.stop()

with plain_errors():
    scoring(store, listed)
    second_reader(store, listed)
table_side, item_side = st.columns([7, 5], gap="medium")
with table_side, plain_errors():
    view, here = item_table(store, listed)
    if listed.owner == reader():  # both say what everybody said
        download(store, listed)
        list_report(store, listed)
with item_side, plain_errors():
    item_card(store, listed, view, here)
    answer(store, listed, here.items)
st.button(
    "All worklists, or a new one", icon=":material/arrow_back:", key="leave", on_click=state.worklist.show, args=(None,)
)
