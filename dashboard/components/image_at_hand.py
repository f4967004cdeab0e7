"""The image that a page marks: the sample or the uploaded file that was chosen, and a way to choose another."""

import streamlit as st

from dashboard import resources, state, words
from dashboard.components.chooser import choose
from dashboard.components.marks import picture
from dashboard.components.samples import sample, sample_strip
from dashboard.components.uploader import distinct_names
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.figures import fit_within

SIDE = 128  # pixels: 64 on the page, at twice the density


def files() -> list[Source]:
    """The files of this session that can be read, under names that differ."""
    return distinct_names([item for item in state.images.files_at_hand() if not resources.problem(item)])


def image_at_hand(inspector: Inspector) -> Source | None:
    """A line with the image, or with what an image would add."""
    asked = sample(inspector)
    with st.container(border=True, key="image_at_hand"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            place = st.container(width=64)
            says = st.container(width="stretch")
            item = image_popover(inspector, asked)
        if item is None:
            says.markdown(
                "This page shows the reference set alone. Choose an image to see it marked: how it uses each channel, "
                "and where it lies among the reference images."
            )
            return None
        place.html(f'<div class="nero-mini">{picture(fit_within(resources.picture(item), SIDE), item.name)}</div>')
        says.markdown(f"**{words.plain(item.name)}** is marked on this page.")
    return item


def image_popover(inspector: Inspector, asked: Source | None) -> Source | None:
    """The button that opens samples and uploaded files, and the image that is chosen; ``asked`` is the URL's sample."""
    with st.popover("Choose an image", icon=":material/image:", key="choose_image"):
        item = choose(files(), asked)
        sample_strip(inspector)
        st.caption("For an image of your own, drop it on “Screen an image” and come back. It stays chosen.")
    return item
