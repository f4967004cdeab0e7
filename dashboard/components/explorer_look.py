"""What the neuron explorer looks at."""

import streamlit as st

from dashboard import state

LOOKS = ("channels", "image map", "two images")


def explorer_look() -> str:
    """All channels or one of them, the map of reference images, or two images."""
    chosen = st.segmented_control(
        "Look at",
        LOOKS,
        default=LOOKS[0],
        required=True,
        key=state.LOOK,
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or LOOKS[0]
