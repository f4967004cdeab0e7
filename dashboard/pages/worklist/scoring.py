"""How far the worklist is, with a way to stop and to go on."""

import streamlit as st

from dashboard import resources, state, words
from dashboard.pages.worklist.reader import reader
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs, worklist_jobs
from nero_core.errors import NeroError
from nero_core.store import Store, Worklist, worklist

POLL = 1.0  # seconds between looks
STEP = 32  # images after which the table is drawn anew


def scoring(store: Store, listed: Worklist) -> None:
    """The name, and the progress while something waits."""
    st.subheader(words.plain(listed.name), anchor=False)
    told = state.site.announced()
    if told:
        st.info(words.plain(told), icon=":material/info:")
    if not listed.is_done:
        with st.container(border=True, key="scoring"):
            _poll(store, listed)
    else:
        st.caption(words.worklists.standing(listed))
    for sentence in listed.told:
        st.caption(words.plain(sentence))


@st.fragment(run_every=POLL)
def _poll(store: Store, listed: Worklist) -> None:
    with plain_errors():
        now = worklist(store, listed.id)
        if now.is_done or now.done // STEP > listed.done // STEP:
            st.rerun()
        job = worklist_jobs.scorer(now)
        st.progress(now.done / max(1, now.total), text=words.worklists.standing(now))
        if job is None:
            st.caption("Nothing is being scored now. What is scored stays.")
            st.button("Go on", type="primary", key="resume", on_click=_go_on, args=(now,))
            refused = state.worklist.refused() or worklist_jobs.failure(now)
            if refused:
                st.error(words.plain(refused), icon=":material/error:")
            return
        status = jobs.status(job)
        is_stopping = jobs.is_stopping(job)
        if status.state == "waiting":
            st.caption(f"Waiting. {words.waiting(status.ahead, jobs.AT_ONCE)}")
        else:
            st.caption("It goes on when you leave or reload this page. What is scored can be read already.")
        st.button(
            "Stopping …" if is_stopping else "Stop",
            icon=":material/stop_circle:",
            key="stop_scoring",
            on_click=jobs.stop,
            args=(job, reader()),
            disabled=is_stopping,
        )


def _go_on(listed: Worklist) -> None:
    bundle = resources.worklists.bundle_of(listed.bundle)
    try:
        if bundle is None:
            raise NeroError(
                "Expected the reference set that this worklist was made for. Found that it is no longer here. "
                "Load it again, or make a new worklist."
            )
        worklist_jobs.score(listed, bundle)
    except NeroError as error:
        state.worklist.refuse(str(error))
