"""The head of the page Learn: its parts, and one way back and on through all of them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import state
from dashboard.components.link_values import choices, link_values
from dashboard.pages.learn.full_screen import full_screen
from dashboard.pages.learn.lesson_steps import STEPS

LESSON, PERTURB, QUIZ = PARTS = ("Step by step", "Perturb and watch", "Quiz")
#: every place in order: the part, the step in it, and how a button names it
_PLACES = [*((LESSON, step, step) for step in STEPS), (PERTURB, None, "perturb"), (QUIZ, None, "quiz")]


def learn_head() -> tuple[str, DeltaGenerator]:
    """Title and parts in one line; the part that is open, and the place beside them for ``way``."""
    with st.container(horizontal=True, vertical_alignment="center", key="learn_head"):
        st.title("Learn", anchor=False, width="content")
        with link_values({state.learn.PART: choices("part", PARTS)}):
            chosen = st.segmented_control(
                "Part",
                PARTS,
                default=LESSON,
                required=True,
                key=state.learn.PART,
                bind="query-params",
                label_visibility="collapsed",
                width="content",
            )
        full_screen()
        place = st.container(horizontal=True, width="content", key="lesson_way")
    return chosen or LESSON, place


def way(place: DeltaGenerator, part: str, step: str | None = None) -> None:
    """Back and on, in one place on every part and step, so that neither a finger nor the focus need move."""
    here = next(number for number, (its_part, at, _) in enumerate(_PLACES) if its_part == part and at == step)
    back, is_last = _PLACES[max(0, here - 1)], here == len(_PLACES) - 1
    on = _PLACES[0 if is_last else here + 1]
    with place:
        st.button(
            "Back",
            icon=":material/chevron_left:",
            key="lesson_back",
            disabled=here == 0,
            on_click=state.learn.go,
            args=back[:2],
        )
        st.button(
            "To the first step" if is_last else f"Next: {on[2]}",
            icon=":material/restart_alt:" if is_last else ":material/chevron_right:",
            icon_position="right",
            type="primary",  # on every part: Streamlit draws another kind of button again, without the focus
            key="lesson_next",
            on_click=state.learn.go,
            args=on[:2],
        )
