"""A study of the PACS, from which a worklist is made. What it says of a patient is shown where the operator says so."""

import re

import streamlit as st

from dashboard import state, words
from dashboard.plain_errors import plain_errors
from nero_core import pacs
from nero_core.data import study_tags_are_shown
from nero_core.errors import PacsError

MOST = 50  # studies that are listed
_DATE = re.compile(r"(\d{8})?(-(\d{8})?)?")


def pacs_study() -> str:
    """The UID of the study that was chosen; empty where none was, or the operator has named no PACS."""
    if not pacs.pacs_is_configured():
        return ""
    with st.expander("A study from the PACS", icon=":material/radiology:"), plain_errors():
        with st.container(horizontal=True, vertical_alignment="bottom", key="study_filters"):
            date = st.text_input(
                "Date", key=state.worklist.STUDY_DATE, max_chars=17, placeholder="20260131 or 20260101-20260131"
            )
            modality = st.text_input("Modality", key=state.worklist.STUDY_MODALITY, max_chars=16, placeholder="ES")
            patient = st.text_input("Patient ID", key=state.worklist.STUDY_PATIENT, max_chars=64)
            accession = st.text_input("Accession number", key=state.worklist.STUDY_ACCESSION, max_chars=64)
        if st.button("Find studies", icon=":material/search:", key="find_studies"):
            state.worklist.keep_studies(None)
            with st.spinner("Asking the PACS …"):
                state.worklist.keep_studies(_find(date.strip(), modality.strip(), patient.strip(), accession.strip()))
        return _chosen()
    return ""


def _chosen() -> str:
    found = state.worklist.studies()
    if found is None:
        return ""
    if not found:
        st.info("The PACS has no such study. Ask with fewer words.", icon=":material/search_off:")
        return ""
    chosen = st.radio(
        f"{len(found)} {'study' if len(found) == 1 else 'studies'}",
        list(found),
        index=None,
        format_func=lambda uid: words.plain(found.get(uid, "")),
        key=state.worklist.STUDY,
    )
    if len(found) == MOST:
        st.caption(f"There may be more than these {MOST}. Ask for a date, or for one number.")
    if not study_tags_are_shown():
        st.caption("This server shows no names and no dates of patients: find one study by its number.")
    return chosen or ""


def _find(date: str, modality: str, patient: str, accession: str) -> dict[str, str]:
    """Study → what is shown of it.

    Raises:
        PacsError: the date is none, or the PACS does not answer, or refuses.
    """
    if not _DATE.fullmatch(date) or date == "-":
        raise PacsError(
            "Expected a date such as 20260131, or two with a hyphen between. Found something else. "
            "Write the year first."
        )
    asked = {"StudyDate": date, "ModalitiesInStudy": modality, "PatientID": patient, "AccessionNumber": accession}
    return {study.uid: _shown(study) for study in pacs.Archive(pacs.read_settings()).find(MOST, **asked)}


def _shown(study: "pacs.Study") -> str:
    count = "" if study.instances is None else f"{study.instances} {'file' if study.instances == 1 else 'files'}"
    tags = study.tags.values() if study_tags_are_shown() else ()
    return " · ".join(filter(None, ("/".join(study.modalities), count, *tags, f"study {study.uid}")))
