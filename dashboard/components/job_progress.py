"""A long job on the page: how far it is, a way to stop it, and in the end what became of it."""

import streamlit as st

from dashboard import access, state, words
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs
from dashboard.work.jobs import Job, Status

POLL = 1.0  # seconds between looks
OF_SOMEBODY_ELSE = (
    "Expected a link to work of your own. Found work that somebody else has started: only they and operators may see "
    "it. Ask them for what came out of it."
)
FORM = "form.json"  # in the job's folder: what stood in the fields


def linked_job(kind: str, gone: str) -> Job | None:
    """The job that the URL names; None where it names none, or one that the page must not show, and says why.

    Args:
        kind: of job.
        gone: what to say where it is not here.
    """
    asked = state.jobs.job(kind)
    job = jobs.find(asked, kind, access.admit().sees_jobs_of)
    if asked is not None and job is None:
        is_there = jobs.find(asked, kind) is not None
        st.warning(OF_SOMEBODY_ELSE if is_there else gone, icon=":material/lock:" if is_there else None)
    return job


def job_progress(job: Job, kind: str, what: str) -> Status:
    """Show an unfinished job until it is over, then run the page again; the answer is how it stands now.

    Args:
        job: the job that the URL names.
        kind: of job.
        what: what it does, in words.
    """
    status = jobs.status(job)
    with st.container(border=True, key=f"job_{kind}"):
        st.subheader(what, anchor=False)
        if status.is_over:
            _over(job, kind, status)
        else:
            _poll(job, kind)
    return status


@st.fragment(run_every=POLL)
def _poll(job: Job, kind: str) -> None:
    with plain_errors():
        status = jobs.status(job)
        if status.is_over:
            st.rerun()
        if status.state == "waiting":
            st.progress(0.0, text=f"Waiting. {words.waiting(status.ahead, jobs.AT_ONCE)}")
        else:
            share = min(1.0, status.done / status.total) if status.total > 0 else 0.0
            st.progress(share, text=words.stage(status.stage, status.done, status.total, status.seconds))
        st.caption("It goes on when you leave or reload this page. Keep the address: it leads back here.")
        is_stopping = jobs.is_stopping(job)
        st.button(
            "Stopping …" if is_stopping else "Stop",
            icon=":material/stop_circle:",
            key=f"stop_{kind}",
            on_click=jobs.stop,
            args=(job, access.admit().acts_as),
            disabled=is_stopping,
        )


def _over(job: Job, kind: str, status: Status) -> None:
    if status.state == "finished":
        return
    if status.state == "stopped":
        st.info(words.plain(status.message or "Stopped. Nothing was saved."), icon=":material/stop_circle:")
    elif status.state == "lost":
        st.error(
            "Expected the job to be running. Found that its process ended without a message, as happens when the "
            "server restarts or memory runs out. Start it again.",
            icon=":material/error:",
        )
    else:
        st.error(words.plain(words.page_terms(status.message)), icon=":material/error:")
    if job.inputs.is_dir() and any(job.inputs.iterdir()):
        st.caption("What you gave is still here: files and fields.")
    st.button("Start again", key=f"again_{kind}", on_click=_begin_again, args=(job, kind))


def _begin_again(job: Job, kind: str) -> None:
    fields = job.read(FORM)
    if jobs.reopen(job):
        state.jobs.begin_again(kind, job.id, [path.name for path in job.inputs.iterdir()], fields)
    else:
        state.jobs.begin_again(kind, None, (), fields)
    state.jobs.leave_job(kind)
