"""The page "Screen an image" and its panels."""

import streamlit as st

from dashboard.state.site import CHANNEL

# in the URL
ORDER = "order"
CONCEPTS = "concepts"
VIEW = "view"
OPACITY = "opacity"
SORT = "sort"
SPAN = "span"
CLASSES = "classes"
COMPOSITE = "composite"  # written by hand: a select box would write its words there, we want the name
FAITHFULNESS = "faithfulness"
WHAT_IF = "whatif"
WHAT_IF_EPSILON = "whatif_epsilon"
WHAT_IF_COMPONENTS = "whatif_components"
WHAT_IF_K = "whatif_k"
WHAT_IF_NORM = "whatif_norm"
WHAT_IF_TPR = "whatif_accept"

# in the session alone
RELEVANCE_WAY = "where_relevance_goes"
CHANNEL_PLOT = "channel_plot"
REPORT_NOTES = "report_notes"
REPORT_DATE = "report_date"
_REPORT = "report_prepared"
_STOPPED = "faithfulness_stopped"


def open_channel() -> None:
    """A click on the channel plot opens that channel."""
    points = st.session_state[CHANNEL_PLOT].selection.points
    if points and "customdata" in points[0]:
        picked = points[0]["customdata"]
        st.session_state[CHANNEL] = int(picked[0] if isinstance(picked, list | tuple) else picked)


def prepare_report(image_id: str) -> None:
    """Somebody took notes and date for the report of this image."""
    st.session_state[_REPORT] = image_id


def is_report_prepared(image_id: str) -> bool:
    """Whether that was the last image whose report was asked for."""
    return bool(st.session_state.get(_REPORT) == image_id)


def stop_faithfulness(map_key: str) -> None:
    """Somebody stopped the measurement of this map: its switch goes off, and the page says why; for a callback."""
    st.session_state[FAITHFULNESS] = False
    st.session_state[_STOPPED] = map_key


def faithfulness_stopped(map_key: str) -> bool:
    """Whether the measurement of this map was stopped, and is not switched on again."""
    if st.session_state.get(FAITHFULNESS):
        st.session_state.pop(_STOPPED, None)
    return bool(st.session_state.get(_STOPPED) == map_key)


def offer_composites(names: tuple[str, ...]) -> str | None:
    """Choose the composite that the URL names, or else the first; answers the one that does not suit, if any.

    The URL holds it and the box follows, on the way back too.
    """
    asked = st.query_params.get(COMPOSITE)
    st.session_state[COMPOSITE] = asked if asked in names else names[0]
    return asked if asked is not None and asked not in names else None


def composite(names: tuple[str, ...]) -> str | None:
    """The composite of the maps, whether or not one is shown: the URL's, or else the first."""
    asked = (st.query_params.get(COMPOSITE), *names[:1])
    return next((name for name in asked if name in names), None)


def composite_chosen(default: str) -> None:
    """Somebody chose a composite: the URL names it, unless it is the default."""
    chosen = st.session_state[COMPOSITE]
    if chosen == default:
        st.query_params.pop(COMPOSITE, None)
    else:
        st.query_params[COMPOSITE] = chosen
