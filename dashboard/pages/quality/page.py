"""Quality over time: what a reference set has scored, whether the world has moved, and calibrating it anew."""

import streamlit as st

from dashboard import resources
from dashboard.components.sidebar import reference_set
from dashboard.pages.quality.drift import drift
from dashboard.pages.quality.empty_state import empty_state
from dashboard.pages.quality.recalibration import asked_recalibration, recalibration
from dashboard.pages.quality.totals import totals
from dashboard.plain_errors import plain_errors

st.title("Quality over time", anchor=False)
inspector = reference_set()
found = resources.worklists.over_time(inspector)
is_making = False
with plain_errors():
    is_making = asked_recalibration()
if not found.scored:
    empty_state(inspector)
    st.stop()
with plain_errors():
    totals(inspector, found)
with plain_errors():
    drift(found)
if not is_making:
    with plain_errors():
        recalibration(inspector, found)
