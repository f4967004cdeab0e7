"""NERO step by step on one image: the step that is open, with the image beside it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.image_at_hand import image_popover
from dashboard.components.link_values import choices, link_values
from dashboard.components.samples import first_sample, sample
from dashboard.pages.learn.learn_way import LESSON, way
from dashboard.pages.learn.lesson_steps import STEPS
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector


def picked(inspector: Inspector) -> Source | None:
    """The image of the lesson: the sample that the URL names, an uploaded file, or else the first OOD sample."""
    item = image_popover(inspector, sample(inspector)) or first_sample(inspector)
    if item is None:
        st.markdown("There is no sample on this server. Drop an image on “Screen an image” and come back.")
    return item


def lesson(inspector: Inspector, way_place: DeltaGenerator) -> None:
    """One step at a time; the last one leads on to "perturb and watch"."""
    names = list(STEPS)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson_bar"):
        with link_values({state.learn.STEP: choices("step", names)}):
            chosen = st.segmented_control(
                "Step",
                names,
                default=names[0],
                required=True,
                key=state.learn.STEP,
                bind="query-params",
                label_visibility="collapsed",
                width="content",
            )
        item = picked(inspector)
    place = names.index(chosen or names[0])
    way(way_place, LESSON, names[place])
    if item is not None:
        with st.container(border=True, key="lesson"), plain_errors():
            _step(inspector, item, names, place)


def _step(inspector: Inspector, item: Source, names: list[str], place: int) -> None:
    """The image with what the step says; below, the control and the formula beside the plot."""
    step = STEPS[names[place]]
    with st.container(horizontal=True, key="lesson_says", gap="medium"):
        shown = marks.picture(resources.picture(item), f"The image {item.name}")
        st.html(f'<div class="nero-picture nero-lesson-picture">{shown}</div>', width="content")
        with st.container(width="stretch", gap="xsmall"):
            st.subheader(f"Step {place + 1} of {len(names)}: {step.title}", anchor=False)
            st.markdown(step.says)
            st.caption(words.plain(item.name))
    with st.spinner("Comparing with the reference images …"):
        usual = resources.what_if(inspector, item, resources.explorer(inspector).settings)
    if not bool(usual.channels.relevance.any()):
        st.warning(words.ALL_ZERO)
        return
    step_side, plot_side = st.columns(2, gap="medium")
    with step_side:
        step.draw(inspector, item, usual, plot_side)
