"""Uploaded files and samples: which there are, and which is shown."""

import streamlit as st

from dashboard.resources import Source
from dashboard.state.site import SAMPLE

# in the session alone
FILES = "files"
FILE = "file"
_SHOWN_FILE = "shown_file"
_KNOWN_FILES = "known_files"
_DRAWN_FILES = "drawn_files"
_KEPT_FILES = "kept_files"
_OPENED = "opened_file"
_FRAME_TIMES = "frame_times"
_FRAMES = "frames"
_TIMELINE = "timeline"
_EVERY = "every"


def sample() -> str | None:
    """The sample that the URL names."""
    return st.query_params.get(SAMPLE)


def choose_sample(name: str) -> None:
    """Show a sample."""
    st.query_params[SAMPLE] = name
    st.session_state[FILE] = None


def choose_file(file_id: str | None) -> None:
    """Show an uploaded file."""
    st.query_params.pop(SAMPLE, None)
    st.session_state[FILE] = file_id


def leave_sample() -> None:
    """The select box chose an uploaded file: the URL names no sample any more."""
    if st.session_state.get(FILE) is not None:
        st.query_params.pop(SAMPLE, None)


def file() -> str | None:
    """The uploaded file that is shown."""
    return st.session_state.get(FILE)


def files_at_hand() -> list[Source]:
    """All files of this session: on pages without an uploader."""
    return [*kept_files(), *st.session_state.get(_DRAWN_FILES, []), *st.session_state.get(_FRAMES, [])]


def timeline_key(video: str) -> str:
    """The key of a video's chart."""
    return f"{_TIMELINE} {video}"


def every_key(video: str) -> str:
    """The key of the box that says how often a video is looked at."""
    return f"{_EVERY} {video}"


def clicked_frame(video: str) -> int | None:
    """The point of a video's chart that was clicked; for a callback."""
    points = st.session_state[timeline_key(video)].selection.points
    if not points or "customdata" not in points[0]:
        return None
    picked = points[0]["customdata"]
    return int(picked[0] if isinstance(picked, list | tuple) else picked)


def choose_frame(video: str, time: float, frame: str) -> None:
    """Show a frame of a video; ``frame`` is the key that it has among the files."""
    st.session_state[_FRAME_TIMES] = {**st.session_state.get(_FRAME_TIMES, {}), video: time}
    choose_file(frame)


def frame_time(video: str) -> float | None:
    """The seconds of the frame of a video that was chosen last."""
    time: float | None = st.session_state.get(_FRAME_TIMES, {}).get(video)
    return time


def keep_frames(frames: list[Source]) -> None:
    """The frames that were chosen, one a video: on pages without an uploader."""
    st.session_state[_FRAMES] = frames


def keep_shown(file_id: str) -> None:
    """Remember the uploaded file that is shown, since a select box forgets it on another page."""
    st.session_state[_SHOWN_FILE] = file_id


def shown() -> str | None:
    """The uploaded file that was shown last, on whichever page."""
    value: str | None = st.session_state.get(_SHOWN_FILE)
    return value


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
    files: list[Source] = st.session_state.get(_KEPT_FILES, [])
    return files


def files_changed() -> None:
    """Somebody added or removed files: what it held before is not kept."""
    st.session_state[_DRAWN_FILES] = []


def remove_kept_files() -> None:
    """Forget the files of earlier visits."""
    st.session_state[_KEPT_FILES] = []


def add_file(item: Source) -> None:
    """Show a file that came from elsewhere than the uploader, beside those of earlier visits.

    It takes the place of the one that came so before: whoever reads a list would collect the bytes of all its files.
    """
    before = (item.key, st.session_state.get(_OPENED))
    st.session_state[_KEPT_FILES] = [*(file for file in kept_files() if file.key not in before), item]
    st.session_state[_OPENED] = item.key
    choose_file(item.key)
