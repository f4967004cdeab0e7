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
METHODS = "methods"
_SAMPLE = "sample"
_JOBS = {"benchmark": "run", "calibrate": "making"}  # kind of job → where the URL holds its id

# in the session alone
FILES = "files"
FILE = "file"
CHANNEL_PLOT = "channel_plot"
DOWNLOAD = "download"
OOD_ZIP = "ood_zip"
WEIGHTS = "weights"
ARCH = "arch"
ID_ZIP = "id_zip"
ID_PATH = "id_path"
OOD_PATH = "ood_path"
CLASS_NAMES = "class_names"
INPUT_SIDE = "input_side"
NORMALISATION = "normalisation"
REDUCED = "reduced"
TITLE = "title_of_bundle"
PACKED = "packed"
_DRAFT = "draft"
_STAGED = "staged"
_CHECKED = "checked"
_ANNOUNCED = "announced"
_SHOWN_FILE = "shown_file"
_KNOWN_FILES = "known_files"
_DRAWN_FILES = "drawn_files"
_KEPT_FILES = "kept_files"
_ACCEPT_OF = "accept_of"
_SIDE = "side"


def sample() -> str | None:
    """The sample that the URL names."""
    return st.query_params.get(_SAMPLE)


def between_pages() -> dict[str, str]:
    """What a link to another page takes along: the sample and the jobs, which no widget holds."""
    return {name: st.query_params[name] for name in (_SAMPLE, *_JOBS.values()) if name in st.query_params}


def job(kind: str) -> str | None:
    """The job that the URL names."""
    return st.query_params.get(_JOBS[kind])


def show_job(kind: str, job_id: str) -> None:
    """Name a job in the URL: whoever has the link sees it, and a reload finds it again."""
    st.query_params[_JOBS[kind]] = job_id


def leave_job(kind: str) -> None:
    """The URL names no job of this kind any more."""
    st.query_params.pop(_JOBS[kind], None)


def draft(kind: str) -> str | None:
    """The folder that this session's uploads for a job are written to."""
    held: str | None = st.session_state.get(f"{_DRAFT} {kind}")
    return held


def keep_draft(kind: str, job_id: str | None) -> None:
    """From now on this one; with None none, and nothing is staged."""
    st.session_state[f"{_DRAFT} {kind}"] = job_id
    st.session_state[f"{_STAGED} {kind}"] = {}


def staged(kind: str) -> dict[str, str]:
    """Which uploaded file lies in the draft's folder, by the uploader's key; to be changed in place."""
    held: dict[str, str] = st.session_state.setdefault(f"{_STAGED} {kind}", {})
    return held


def checked(kind: str) -> tuple[object, str] | None:
    """The answers that were checked last, and what was wrong with them."""
    held: tuple[object, str] | None = st.session_state.get(f"{_CHECKED} {kind}")
    return held


def keep_checked(kind: str, held: tuple[object, str]) -> None:
    """Remember a check, which takes a moment, until the answers change."""
    st.session_state[f"{_CHECKED} {kind}"] = held


def announce(sentence: str) -> None:
    """Something to say once, in the run that follows."""
    st.session_state[_ANNOUNCED] = sentence


def announced() -> str:
    """What is to be said once."""
    return str(st.session_state.pop(_ANNOUNCED, ""))


def offer_classes(names: list[str]) -> None:
    """Fill in the class names, where nobody has written any."""
    if not st.session_state.get(CLASS_NAMES, "").strip():
        st.session_state[CLASS_NAMES] = "\n".join(names)


def bundle() -> str | None:
    """The reference set that is chosen."""
    return st.session_state.get(BUNDLE)


def choose_bundle(name: str) -> None:
    """Show another reference set from now on; for a callback, before the select box is drawn."""
    st.session_state[BUNDLE] = name


def keep_shown(file_id: str) -> None:
    """Remember the uploaded file that is shown, since a select box forgets it on another page."""
    st.session_state[_SHOWN_FILE] = file_id


def shown() -> str | None:
    """The uploaded file that was shown last, on whichever page."""
    held: str | None = st.session_state.get(_SHOWN_FILE)
    return held


def files_at_hand() -> list[Source]:
    """All files of this session: on pages without an uploader."""
    return [*kept_files(), *st.session_state.get(_DRAWN_FILES, [])]


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
