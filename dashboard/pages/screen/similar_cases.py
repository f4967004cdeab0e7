"""The reference images nearest to the image, to look at beside it; none where none is near."""

from html import escape

import streamlit as st

from dashboard import resources, words
from dashboard.components import marks
from dashboard.components.image_cards import end_of_card
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector


def similar_cases(inspector: Inspector, item: Source) -> None:
    """A row of small pictures with class and distance."""
    with st.container(border=True, key="similar_cases"):
        st.subheader("Similar reference images", anchor=False)
        with plain_errors():
            cases = resources.similar(inspector, item)
            st.caption(words.similar(cases))
            if cases.is_near:
                rows = zip(cases.ids, cases.classes, cases.distances, strict=True)
                pictures = "".join(_picture(inspector, *row) for row in rows)
                st.html(f'<div class="nero-references nero-strip">{pictures}</div>')
        end_of_card(item)


def _picture(inspector: Inspector, image_id: str, name: str, distance: float) -> str:
    alt = f"Reference image of {name}, at a distance of {distance:.2f}"
    shown = marks.reference_picture(inspector, image_id, alt)
    return f'<figure title="{escape(alt)}">{shown}<figcaption>{escape(name)}<br>{distance:.2f}</figcaption></figure>'
