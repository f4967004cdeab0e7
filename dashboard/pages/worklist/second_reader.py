"""Whether others may read a worklist a second time, and what the page cannot do where nobody logs in."""

import streamlit as st

from dashboard import words
from dashboard.pages.worklist.reader import reader, tells_readers_apart
from nero_core.store import Store, Worklist, share_worklist

NO_SECOND = (
    "A second reader needs a login: nobody logs in here, so that the page cannot tell two readers apart. Whoever runs "
    "this server can start it with nero dashboard --login."
)


def second_reader(store: Store, listed: Worklist) -> None:
    """A switch for the owner; a sentence for everybody else."""
    if not tells_readers_apart():
        st.caption(NO_SECOND)
    elif listed.owner != reader():
        st.caption(
            f"{words.plain(listed.owner)} has opened this list to other readers. What was said of an image is shown "
            "once you have answered: two readings count as two only if neither knows the other."
        )
    else:
        st.toggle(
            "Open to a second reader",
            value=listed.is_shared,
            key=f"share_{listed.id}",
            on_change=share_worklist,
            args=(store, listed.id, listed.owner, not listed.is_shared),
            help="Everybody who may review on this server then sees this list and its images. They see what you said "
            "of an image once they have answered.",
        )
