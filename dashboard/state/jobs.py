"""Jobs of this session: the job that the URL names, and the form from which it begins."""

import os
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.state.site import JOBS

# in the session alone
OOD_ZIP = "ood_zip"
WEIGHTS = "weights"
MODEL_CARD = "model_card"
ARCH = "arch"
ID_ZIP = "id_zip"
ID_PATH = "id_path"
OOD_PATH = "ood_path"
CLASS_NAMES = "class_names"
INPUT_SIDE = "input_side"
NORMALISATION = "normalisation"
BY_ORDER = "by_order"
REDUCED = "reduced"
GUESSING = "guessing"
REFERENCES = "keep_references"
TITLE = "title_of_bundle"
PACKED = "packed"
FIELDS = (  # that come back when a job that failed is begun again
    ARCH, ID_PATH, OOD_PATH, CLASS_NAMES, INPUT_SIDE, NORMALISATION, BY_ORDER, REDUCED, GUESSING, REFERENCES, TITLE,
)  # fmt: skip
STILL_THERE = "still there"  # in the place of an upload's id: a file that an earlier try has left
_DRAFT = "draft"
_STAGED = "staged"
_CHECKED = "checked"
_TRIED = "tried"


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


def checked(kind: str) -> tuple[object, object] | None:
    """The answers that were checked last, and what became of them: a record, or what was wrong."""
    value: tuple[object, object] | None = st.session_state.get(f"{_CHECKED} {kind}")
    return value


def keep_checked(kind: str, result: tuple[object, object]) -> None:
    """Remember a check, which takes a moment, until the answers change."""
    st.session_state[f"{_CHECKED} {kind}"] = result


def tried(kind: str) -> tuple[object, object] | None:
    """What was tried last, and what became of it: a record, or what was wrong."""
    value: tuple[object, object] | None = st.session_state.get(f"{_TRIED} {kind}")
    return value


def keep_tried(kind: str, result: tuple[object, object]) -> None:
    """Remember a trial, which takes seconds, until what is tried changes."""
    st.session_state[f"{_TRIED} {kind}"] = result


def answers() -> dict[str, Any]:
    """What stands in the fields of a form."""
    return {name: st.session_state[name] for name in FIELDS if name in st.session_state}


def begin_again(kind: str, draft_id: str | None, given: Sequence[str], fields: dict[str, Any]) -> None:
    """The form as it was: its fields, and the files that lie in the draft's folder."""
    keep_draft(kind, draft_id)
    staged(kind).update(dict.fromkeys(given, STILL_THERE))
    for name in FIELDS:
        if name in fields:
            st.session_state[name] = fields[name]


def order_classes(names: Sequence[str]) -> None:
    """Write the class names in this order."""
    st.session_state[CLASS_NAMES] = "\n".join(names)


def device() -> str:
    """Where the server computes."""
    return os.environ.get("NERO_DEVICE", "auto")


def offer_classes(names: list[str]) -> None:
    """Fill in the class names, where nobody has written any."""
    if not st.session_state.get(CLASS_NAMES, "").strip():
        st.session_state[CLASS_NAMES] = "\n".join(names)
