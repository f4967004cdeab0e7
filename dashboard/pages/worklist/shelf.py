"""The worklists that there are, and the one that the URL names."""

import streamlit as st

from dashboard import state, words
from dashboard.pages.worklist.reader import reader
from nero_core.errors import StoreError
from nero_core.store import (
    Store,
    Worklist,
    delete_worklist,
    find_worklists,
    readable_worklist,
    worklists_of_others,
)


def opened(store: Store) -> Worklist | None:
    """The worklist that the URL names; None where it names none, or one that is not here, which the page says."""
    number = state.worklist.shown()
    if number is None:
        return None
    try:
        return readable_worklist(store, number, reader())
    except StoreError as error:
        st.warning(words.plain(str(error)), icon=":material/link_off:")
        return None


def shelf(store: Store) -> None:
    """The reader's own lists and those that others have opened, the newest first."""
    others = worklists_of_others(store, reader())
    if others:
        with st.container(border=True, key="shelf_of_others"):
            st.subheader("To be read a second time", anchor=False)
            for listed in others:
                _row(listed)
    with st.container(border=True, key="shelf"):
        found = find_worklists(store, reader())
        if not found:
            st.subheader("Many images, one list", anchor=False)
            st.markdown(
                "Give the frames of a morning as files, a zip, a video or a DICOM study. They are scored in the "
                "background, and you read them one by one, the most unlike first: agree, or say what you see instead. "
                "What is scored stays, also when you close this page or the server restarts."
            )
            return
        st.subheader("Your worklists", anchor=False)
        for listed in found:
            _row(listed, store)


def _row(listed: Worklist, own_store: Store | None = None) -> None:
    """A list with the way to open it; the store comes with a list of the reader's own, which may be deleted."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"list_{listed.id}"):
        made = f"{listed.added:%Y-%m-%d %H:%M} UTC"
        by = "" if own_store is not None else f", by {words.plain(listed.owner)}"
        st.markdown(f"**{words.plain(listed.name)}**  \n{words.worklists.standing(listed)} {made}{by}", width="stretch")
        st.button("Open", key=f"open_{listed.id}", on_click=state.worklist.show, args=(listed.id,))
        if own_store is None:
            return
        with st.popover("Delete"):
            st.markdown(
                f"Delete {words.plain(listed.name)} with its images, results and reviews? It cannot be brought back."
            )
            st.button("Yes, delete it", key=f"delete_{listed.id}", on_click=_delete, args=(own_store, listed))


def _delete(store: Store, listed: Worklist) -> None:
    delete_worklist(store, listed.id, reader(), listed.owner)
