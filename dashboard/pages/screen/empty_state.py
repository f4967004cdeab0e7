"""What the page is for, when there is nothing on it yet."""

import streamlit as st

from dashboard import state, words
from dashboard.components.samples import first_path
from nero_core import Inspector


def empty_state(inspector: Inspector) -> None:
    """Three sentences and one button."""
    card = inspector.bundle.card
    with st.container(border=True, key="empty_state"):
        st.subheader("Is this image like the ones the classifier learned from?", anchor=False)
        st.markdown(
            f"Drop an image above. It is compared with {inspector.bundle.fit_size} reference images of "
            f"{len(card.class_names)} classes ({words.plain(', '.join(card.class_names))}). You read in words "
            "whether it is like them, how rare its score is among them, and which neurons and which parts of the image "
            "say so."
        )
        path = first_path(inspector)
        if path is not None:
            st.button(
                "Try a sample",
                type="primary",
                key="try_sample",
                on_click=state.images.choose_sample,
                args=(path.stem,),
            )
