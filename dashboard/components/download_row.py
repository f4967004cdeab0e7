"""One thing in several file formats, side by side; each file is made when it is asked for."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

Form = TypeVar("Form", bound=str)


def download_row(
    forms: Mapping[Form, tuple[str, str]], make: Callable[[Form], Callable[[], bytes]], stem: str, key: str
) -> None:
    """A quiet button for each format.

    Args:
        forms: ending → label and media type.
        make: what makes the file of a format.
        stem: name of the file, without its ending.
        key: of the buttons, one for each place.
    """
    with st.container(horizontal=True):
        for form, (title, mime) in forms.items():
            st.download_button(
                title,
                make(form),
                file_name=f"{stem}.{form}",
                mime=mime,
                key=f"{key}_{form}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )
