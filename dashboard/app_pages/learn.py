"""Learn: NERO in seven steps, a place to perturb an image and watch, and a quiz."""

import streamlit as st

from dashboard.components.lesson import lesson, part_of_learn, picked
from dashboard.components.perturb_panel import perturb_panel
from dashboard.components.quiz import quiz
from dashboard.components.sidebar import chart_options, reference_set

st.title("Learn", anchor=False)
inspector = reference_set()
tpr, _ = chart_options(inspector)

part = part_of_learn()
if part == "Quiz":
    quiz(inspector, tpr)
else:
    item = picked(inspector)
    if item is None:
        st.stop()
    if part == "Seven steps":
        lesson(inspector, item)
    else:
        perturb_panel(inspector, item, tpr)
