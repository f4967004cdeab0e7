"""The field for a channel's number. The URL holds the number; one that does not exist is a sentence."""

import streamlit as st

from dashboard import state, words
from nero_core import Inspector


def channel_field(
    inspector: Inspector,
    label: str,
    name: str = state.site.CHANNEL,
    placeholder: str = "number",
    width: int = 250,
) -> int | None:
    """The chosen channel, or None where there is none yet.

    Args:
        inspector: holds the model, which says how many channels there are.
        label: of the field, which also says the range.
        name: under which the URL holds the number.
        placeholder: what an empty field says.
        width: in pixels.
    """
    size = inspector.bundle.classifier.head.neurons
    asked = state.explorer.asked_channel(name) or None
    channel = int(asked) if asked is not None and asked.isascii() and asked.isdigit() and len(asked) < 9 else None
    if asked is not None and (channel is None or channel >= size):
        st.warning(words.no_such_channel(asked, size), icon=":material/link_off:")
        channel = None
    st.number_input(
        f"{label}, 0 to {size - 1}",
        min_value=0,
        max_value=size - 1,
        value=None,
        step=1,
        key=state.explorer.follow_channel(channel, name),
        on_change=state.explorer.choose_channel,
        args=(name,),
        placeholder=placeholder,
        width=width,
    )
    return channel
