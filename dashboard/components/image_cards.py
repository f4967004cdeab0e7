"""Cards that speak of one image: none is seen beside the name of another.

Streamlit leaves what a page showed before until it is written anew, which for a verdict takes a moment. Each such card
ends with a mark of its image; before a name is written, a rule hides the cards whose mark is of another.
"""

import streamlit as st

from dashboard.resources import Source

CARDS = (  # keys of the containers
    "verdict",
    "image_card",
    "histogram_card",
    "channel_card",
    "open_channel",
    "closer_look",
    "concept_gallery",
    "similar_cases",
    "what_if",
    "methods_picture",
    "methods_answers",
)
_ANY = "of-image-"


def only_of(item: Source) -> None:
    """Hide the cards of other images from now on; they come back one by one, as they are written."""
    cards = ", ".join(f".st-key-{name}" for name in CARDS)
    st.html(f'<style>:is({cards}):has([class*="{_ANY}"]):not(:has(.{_mark(item)})) {{ visibility: hidden; }}</style>')


def end_of_card(item: Source) -> None:
    """Mark a card as one of this image: the last thing in it, since until then it holds parts of another."""
    st.html(f'<i class="nero-of {_mark(item)}" hidden></i>')


def _mark(item: Source) -> str:
    return f"{_ANY}{item.id[:16]}"
