"""The results of a worklist from the PACS go back to it: of the image that is read, or of all that are reviewed."""

from collections.abc import Sequence

import streamlit as st

from dashboard import resources, state, words
from dashboard.access import admit
from dashboard.pages.worklist.reader import reader
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs, worklist_jobs
from nero_core import pacs
from nero_core.errors import NeroError
from nero_core.store import Item, Store, Worklist, find_items

POLL = 1.0  # seconds between looks


def answer(store: Store, listed: Worklist, here: Sequence[Item]) -> None:
    """Two buttons and the progress; nothing where the worklist did not come from a PACS, or none is named."""
    if (
        "study" not in listed.settings
        or not listed.total
        or not pacs.pacs_is_configured()
        or not admit().may("reviewer")
    ):
        return
    with st.container(border=True, key="answer"):
        st.markdown("**Send back to the PACS**")
        st.caption(
            "A picture with the map of each reviewed image (Secondary Capture), and one report with scores, verdicts "
            "and reviews (Structured Report), into the study they came from. What is sent twice is there once."
        )
        if worklist_jobs.answerer(listed) is not None:
            _poll(listed)
            return
        is_reviewed = bool(here) and here[0].review is not None and here[0].review.decision in pacs.REVIEWED.decisions
        count = find_items(store, listed.id, where=pacs.REVIEWED, limit=1).total
        with st.container(horizontal=True, key="send"):
            st.button(
                "Send this image",
                key="send_item",
                disabled=not is_reviewed,
                on_click=_send,
                args=(listed, here[0].position if here else None),
                help=None if is_reviewed else "Review it first: agree, or say what you see.",
            )
            st.button(
                f"Send all {count} that are reviewed" if count > 1 else "Send what is reviewed",
                key="send_all",
                disabled=not count,
                on_click=_send,
                args=(listed, None),
            )
        _told(listed)


@st.fragment(run_every=POLL)
def _poll(listed: Worklist) -> None:
    with plain_errors():
        job = worklist_jobs.answerer(listed)
        if job is None:
            st.rerun()
            return
        status = jobs.status(job)
        if status.state == "waiting":
            st.caption(f"Waiting. {words.waiting(status.ahead, jobs.AT_ONCE)}")
        else:
            text = f"{status.done} of {status.total} images are sent." if status.total else "Reading the model …"
            st.progress(status.done / max(1, status.total), text=text)
        is_stopping = jobs.is_stopping(job)
        st.button(
            "Stopping …" if is_stopping else "Stop",
            icon=":material/stop_circle:",
            key="stop_answer",
            on_click=jobs.stop,
            args=(job,),
            disabled=is_stopping,
        )


def _told(listed: Worklist) -> None:
    """How the last try ended."""
    refused = state.worklist.refused()
    job = worklist_jobs.last_answer(listed)
    status = jobs.status(job) if job is not None else None
    if not refused and status is not None and status.state in ("failed", "lost"):
        refused = status.message or "Its process ended without a message. Send it again."
    if refused:
        st.error(words.plain(refused), icon=":material/error:")
    elif status is not None and status.state == "finished":
        st.success(f"Sent: {status.total} {'image' if status.total == 1 else 'images'}.", icon=":material/check:")
    elif status is not None and status.state == "stopped":
        st.info("Stopped. What was sent stays in the PACS.", icon=":material/stop_circle:")


def _send(listed: Worklist, position: int | None) -> None:
    try:
        bundle = resources.worklists.bundle_of(listed.bundle)
        if bundle is None:
            raise NeroError(
                "Expected the reference set that this worklist was made for. Found that it is no longer here. "
                "Load it again."
            )
        worklist_jobs.answer(listed, bundle, reader(), position)
    except NeroError as error:
        state.worklist.refuse(str(error))
