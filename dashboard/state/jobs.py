"""Jobs of this session: the job that the URL names, and the form from which it begins."""

import streamlit as st

from dashboard.state.site import JOBS

# in the session alone
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
REFERENCES = "keep_references"
TITLE = "title_of_bundle"
PACKED = "packed"
_DRAFT = "draft"
_STAGED = "staged"
_CHECKED = "checked"


def job(kind: str) -> str | None:
    """The job that the URL names."""
    return st.query_params.get(JOBS[kind])


def show_job(kind: str, job_id: str) -> None:
    """Name a job in the URL: whoever has the link sees it, and a reload finds it again."""
    st.query_params[JOBS[kind]] = job_id


def leave_job(kind: str) -> None:
    """The URL names no job of this kind any more."""
    st.query_params.pop(JOBS[kind], None)


def draft(kind: str) -> str | None:
    """The folder that this session's uploads for a job are written to."""
    value: str | None = st.session_state.get(f"{_DRAFT} {kind}")
    return value


def keep_draft(kind: str, job_id: str | None) -> None:
    """From now on this one; with None none, and nothing is staged."""
    st.session_state[f"{_DRAFT} {kind}"] = job_id
    st.session_state[f"{_STAGED} {kind}"] = {}


def staged(kind: str) -> dict[str, str]:
    """Which uploaded file lies in the draft's folder, by the uploader's key; to be changed in place."""
    value: dict[str, str] = st.session_state.setdefault(f"{_STAGED} {kind}", {})
    return value


def checked(kind: str) -> tuple[object, str] | None:
    """The answers that were checked last, and what was wrong with them."""
    value: tuple[object, str] | None = st.session_state.get(f"{_CHECKED} {kind}")
    return value


def keep_checked(kind: str, result: tuple[object, str]) -> None:
    """Remember a check, which takes a moment, until the answers change."""
    st.session_state[f"{_CHECKED} {kind}"] = result


def offer_classes(names: list[str]) -> None:
    """Fill in the class names, where nobody has written any."""
    if not st.session_state.get(CLASS_NAMES, "").strip():
        st.session_state[CLASS_NAMES] = "\n".join(names)
