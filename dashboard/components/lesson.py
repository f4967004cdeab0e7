"""NERO in seven steps on one image: where one is, back and on."""

import streamlit as st

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.chooser import choose
from dashboard.components.lesson_steps import STEPS
from dashboard.components.link_values import choices, link_values
from dashboard.components.samples import first_sample, sample, sample_strip
from dashboard.components.uploader import distinct_names
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector

PARTS = ("Seven steps", "Perturb and watch", "Quiz")


def part_of_learn() -> str:
    """The part of the page that is open."""
    with link_values({state.learn.PART: choices("part", PARTS)}):
        chosen = st.segmented_control(
            "Part",
            PARTS,
            default=PARTS[0],
            required=True,
            key=state.learn.PART,
            bind="query-params",
            label_visibility="collapsed",
        )
    return chosen or PARTS[0]


def picked(inspector: Inspector) -> Source | None:
    """The image of the lesson: the sample that the URL names, an uploaded file, or else the first OOD sample."""
    sample_strip(inspector)
    files = distinct_names([item for item in state.images.files_at_hand() if not resources.problem(item)])
    item = choose(files, sample(inspector)) or first_sample(inspector)
    if item is None:
        st.markdown("There is no sample on this server. Drop an image on “Screen an image” and come back with it.")
    return item


def lesson(inspector: Inspector, item: Source) -> None:
    """One step at a time; the last one leads on to "perturb and watch"."""
    with plain_errors():
        names = list(STEPS)
        with link_values({state.learn.STEP: choices("step", names)}):
            chosen = st.segmented_control(
                "Step",
                names,
                default=names[0],
                required=True,
                key=state.learn.STEP,
                bind="query-params",
                label_visibility="collapsed",
            )
        place = names.index(chosen or names[0])
        with st.container(border=True, key="lesson"):
            _step(inspector, item, names, place)


def _step(inspector: Inspector, item: Source, names: list[str], place: int) -> None:
    step = STEPS[names[place]]
    st.subheader(f"Step {place + 1} of {len(names)}: {step.title}", anchor=False)
    _way(names, place)
    with st.spinner("Comparing with the reference images …"):
        usual = resources.what_if(inspector, item, resources.explorer(inspector).settings)
    if not bool(usual.channels.relevance.any()):
        st.warning(words.ALL_ZERO)
        return
    st.markdown(step.says)
    picture_side, step_side = st.columns([2, 7], gap="medium")
    with picture_side:
        shown = marks.picture(resources.picture(item), f"The image {item.name}")
        st.html(f'<div class="nero-picture nero-lesson-picture">{shown}</div>')
        st.caption(words.plain(item.name))
    with step_side:
        step.draw(inspector, item, usual)


def _way(names: list[str], place: int) -> None:
    """Back and on, always in one place, so that a finger or the focus need not move."""
    with st.container(horizontal=True, key="lesson_way"):
        st.button(
            "Back",
            icon=":material/chevron_left:",
            key="lesson_back",
            disabled=place == 0,
            on_click=state.site.go_to,
            args=(state.learn.STEP, names[max(0, place - 1)]),
        )
        is_last = place == len(names) - 1
        st.button(
            PARTS[1] if is_last else f"Next: {names[place + 1]}",
            icon=":material/chevron_right:",
            icon_position="right",
            type="primary",
            key="lesson_next",
            on_click=state.site.go_to,
            args=(state.learn.PART, PARTS[1]) if is_last else (state.learn.STEP, names[place + 1]),
        )
