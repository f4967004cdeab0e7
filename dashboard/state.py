"""The only file that names a session key or a query parameter.

A widget whose key stands in the first group is bound to the URL by Streamlit, under that name, so that a colleague
opens the same view. Uploaded images never are: they live in the session alone.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.resources import Source

# in the URL
BUNDLE = "bundle"
METHOD = "method"
ACCEPT = "accept"
ORDER = "order"
CONCEPTS = "concepts"
VIEW = "view"
OPACITY = "opacity"
SORT = "sort"
SPAN = "span"
CLASSES = "classes"
CHANNEL = "channel"
BY_CLASS = "by_class"
LARGE_TYPE = "large_type"
_SAMPLE = "sample"

# in the session alone
FILES = "files"
FILE = "file"
CHANNEL_PLOT = "channel_plot"
DOWNLOAD = "download"
_KNOWN_FILES = "known_files"
_DRAWN_FILES = "drawn_files"
_KEPT_FILES = "kept_files"
_ACCEPT_OF = "accept_of"
_SIDE = "side"


def sample() -> str | None:
    """The sample that the URL names."""
    return st.query_params.get(_SAMPLE)


def between_pages() -> dict[str, str]:
    """What a link to another page takes along: the sample, which no widget holds."""
    name = sample()
    return {} if name is None else {_SAMPLE: name}


def choose_sample(name: str) -> None:
    """Show a sample."""
    st.query_params[_SAMPLE] = name
    st.session_state[FILE] = None


def choose_file(file_id: str | None) -> None:
    """Show an uploaded file."""
    st.query_params.pop(_SAMPLE, None)
    st.session_state[FILE] = file_id


def leave_sample() -> None:
    """The select box chose an uploaded file: the URL names no sample any more."""
    if st.session_state.get(FILE) is not None:
        st.query_params.pop(_SAMPLE, None)


def file() -> str | None:
    """The uploaded file that is shown."""
    return st.session_state.get(FILE)


def take_new_files(file_ids: list[str]) -> None:
    """Show the first file of those that came with this run; forget the one that went."""
    known = st.session_state.get(_KNOWN_FILES, [])
    fresh = [file_id for file_id in file_ids if file_id not in known]
    st.session_state[_KNOWN_FILES] = file_ids
    if fresh:
        choose_file(fresh[0])
    elif file() not in file_ids:
        st.session_state[FILE] = None


def draw_files(drawn: list[Source]) -> None:
    """What the uploader holds now.

    Streamlit empties the uploader when another page is shown. An uploader that is empty although nobody emptied it
    (see ``files_changed``) has just come back, and what it held last joins the files of earlier visits.
    """
    if not drawn:
        st.session_state[_KEPT_FILES] = [*kept_files(), *st.session_state.get(_DRAWN_FILES, [])]
    st.session_state[_DRAWN_FILES] = drawn


def kept_files() -> list[Source]:
    """The files of earlier visits to the page."""
    kept: list[Source] = st.session_state.get(_KEPT_FILES, [])
    return kept


def files_changed() -> None:
    """Somebody added or removed files: what it held before is not kept."""
    st.session_state[_DRAWN_FILES] = []


def remove_kept_files() -> None:
    """Forget the files of earlier visits."""
    st.session_state[_KEPT_FILES] = []


def is_accept_of_another(bundle: str) -> bool:
    """Whether the acceptance was chosen for another bundle; from now on it is this one's."""
    before = st.session_state.get(_ACCEPT_OF)
    st.session_state[_ACCEPT_OF] = bundle
    return before is not None and before != bundle


def open_channel() -> None:
    """A click on the channel plot opens that channel."""
    points = st.session_state[CHANNEL_PLOT].selection.points
    if points and "customdata" in points[0]:
        picked = points[0]["customdata"]
        st.session_state[CHANNEL] = int(picked[0] if isinstance(picked, list | tuple) else picked)


def keep_side(place: DeltaGenerator) -> None:
    """The part of the side bar that pages fill; made anew in each run."""
    st.session_state[_SIDE] = place


def side() -> DeltaGenerator:
    """The part of the side bar that pages fill."""
    place: DeltaGenerator = st.session_state[_SIDE]
    return place


def asked_bundle() -> str | None:
    """The bundle that the URL names, before the select box has judged it."""
    return st.query_params.get(BUNDLE)
