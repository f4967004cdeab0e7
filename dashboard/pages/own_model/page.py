"""Your own model: a classifier and its images become a reference set."""

import streamlit as st

from dashboard.components.sidebar import reference_set_if_any
from dashboard.pages.own_model.bundle_shelf import bundle_shelf
from dashboard.pages.own_model.model_form import asked_making, model_form
from dashboard.plain_errors import plain_errors

st.title("Your own model", anchor=False)
reference_set_if_any()
st.markdown(
    "Bring a classifier and images that it knows. From them the server makes a reference set: what “like the reference "
    "images” means for your classifier. Then screen images against it on the other pages."
)
with plain_errors():
    is_making = asked_making()
    if not is_making:
        model_form()
bundle_shelf()
