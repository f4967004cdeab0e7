"""What the neuron explorer looks at."""

import streamlit as st

from dashboard import state
from dashboard.components.link_values import choices, link_values

LOOKS = ("channels", "image map", "two images")


def explorer_look() -> str:
    """All channels or one of them, the map of reference images, or two images."""
    with link_values({state.explorer.LOOK: choices("look", LOOKS)}):
        chosen = st.segmented_control(
            "Look at",
            LOOKS,
            default=LOOKS[0],
            required=True,
            key=state.explorer.LOOK,
            bind="query-params",
            label_visibility="collapsed",
        )
    return chosen or LOOKS[0]
