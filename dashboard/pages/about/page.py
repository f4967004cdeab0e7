"""About this model: the card of the bundle."""

import streamlit as st

from dashboard.components.sidebar import reference_set
from dashboard.pages.about import model_card

st.title("About this model", anchor=False)
inspector = reference_set()
model_card.summary(inspector)
model_card.numbers(inspector)
model_card.making(inspector)
model_card.limits(inspector)
model_card.files(inspector)
model_card.licences()
