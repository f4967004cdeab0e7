"""What the page is for, where the reference set has scored nothing yet."""

import streamlit as st

from dashboard import resources, state, words
from nero_core import Inspector
from nero_core.store import bundles_in_use

WORKLIST = "pages/worklist/page.py"


def empty_state(inspector: Inspector) -> None:
    """A few sentences and the way to the worklists."""
    with st.container(border=True, key="empty"):
        st.subheader("Has the world moved?", anchor=False)
        st.markdown(
            "A new lamp, another endoscope, another export: images change, and a reference set does not know it. As "
            "long as they are like its calibration images, p is spread evenly from 0 to 1; when the world moves, it is "
            "not. Score worklists with this reference set and review them. This page then shows, week by week, how p "
            "is spread and how often readers override the verdict. When it has moved, it makes a new reference set "
            "from the images that readers confirmed; the old one stays."
        )
        others = [digest for digest in bundles_in_use(resources.worklists.store()) if digest != inspector.bundle.digest]
        if others:
            here = [path.name for path in map(resources.worklists.bundle_of, others) if path is not None]
            named = f": {words.plain(words.listed(here))}" if here else ""
            st.caption(
                f"Worklists of {len(others)} other reference {'set' if len(others) == 1 else 'sets'} are on this "
                f"server{named}. Choose one in the side bar."
            )
        st.page_link(WORKLIST, label="Worklist", icon=":material/checklist:", query_params=state.site.between_pages())
