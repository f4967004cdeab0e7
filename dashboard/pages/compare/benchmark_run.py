"""Which images the methods are compared on: the reference set's own, or OOD images that somebody brings."""

import os
from pathlib import Path

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.access import admit
from dashboard.components.image_set import image_set
from dashboard.components.job_progress import FORM, job_progress, linked_job
from dashboard.components.staged_upload import draft, most_megabytes, staged_upload
from dashboard.components.task_progress import task_progress
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs
from dashboard.work.jobs import Job
from nero_core import BenchmarkResult, Inspector
from nero_core.detectors import METHODS

KIND = "benchmark"


def asked_run(inspector: Inspector) -> BenchmarkResult | None:
    """The result of the run that the URL names; None while there is none, and then the page says how it stands."""
    job = linked_job(
        KIND,
        f"The link names a comparison that is not here. Finished ones are kept for {jobs.KEPT_SECONDS / 3600:g} hours. "
        "These are the reference set's own images.",
    )
    if job is None:
        return None
    name = jobs.facts(job).get("name", "OOD images")
    if jobs.status(job).state != "finished":
        job_progress(job, KIND, f"Comparing all methods on {words.plain(name)}")
        return None
    result = None
    with plain_errors():  # a result that cannot be read leaves the way back standing
        result = resources.job_result(job)
    _heading(inspector, job, name, result)
    return result


def own_banks(inspector: Inspector) -> BenchmarkResult | None:
    """All methods on the reference set's own banks: as it keeps them, or as somebody asks for them now.

    None where it has no OOD images, or while nobody has asked, and then the page says so.
    """
    if inspector.bundle.ood is None:
        with st.container(border=True, key="no_ood_bank"):
            st.subheader("Nothing to compare with yet", anchor=False)
            st.markdown(
                "To see which method tells ID from OOD images, images of both kinds are needed. This reference set "
                "came without OOD images. Upload some below: a zip of images that are unlike the reference set."
            )
        return None
    with plain_errors():  # what is kept and cannot be read leaves the offer standing
        stored = resources.stored_comparison(inspector)
        if stored is not None:
            return stored
    if resources.comparison_so_far(inspector) is None and not state.compare.is_comparison_asked(
        inspector.bundle.digest
    ):
        _offer(inspector)
        return None
    task = task_progress(
        "comparison",
        "Comparing all methods on the reference set's own images",
        lambda instead_of: resources.comparison(inspector, instead_of),
    )
    return None if task is None else task.result()


def _offer(inspector: Inspector) -> None:
    bundle = inspector.bundle
    takes = words.some_time(bundle.fit_size + bundle.calibration_size + bundle.ood_size)
    with st.container(border=True, key="compare_offer"):
        st.subheader("All methods on the same images", anchor=False)
        st.markdown(
            f"Which method tells this reference set's {bundle.calibration_size} calibration images best from its "
            f"{bundle.ood_size} OOD images? It was made without this comparison, so it must be computed: "
            f"{len(METHODS)} methods, {takes}. Other pages are slower meanwhile."
        )
        st.button(
            "Compare now",
            type="primary",
            key="compare_now",
            on_click=state.compare.ask_comparison,
            args=(bundle.digest,),
        )
        st.caption(
            "To have it here at once, make the reference set again, or run “nero benchmark FOLDER --keep” on it."
        )


def run_form(inspector: Inspector) -> None:
    """OOD images of one's own; the comparison runs in a process of its own."""
    with st.container(border=True, key="run_form"), plain_errors():
        st.subheader("Compare on other OOD images", anchor=False)
        if jobs.find(state.jobs.job(KIND), KIND, admit().sees_jobs_of) is not None:
            st.caption("Only one comparison runs at a time. Its progress, or its result, is at the top of this page.")
            return
        st.markdown(
            "A zip of images that are unlike the reference set, in one folder for each class or all in one. They are "
            "compared with the reference set's calibration images."
        )
        source = _source()
        if source is None:
            return
        if image_set(source) is None:
            return
        if st.button("Compare all methods", type="primary", key="start_run"):
            _start(inspector, source)
            st.toast("The comparison has started. Its progress is at the top of this page.")
            st.rerun()


def _source() -> Path | None:
    named = ""
    if places.data() is not None:
        named = st.text_input(
            "Or a folder on the server", key=state.jobs.OOD_PATH, placeholder="below the server's data folder"
        )
    uploaded = staged_upload(f"OOD images: one zip, at most {most_megabytes()} MB", state.jobs.OOD_ZIP, ".zip", KIND)
    return places.below_data(named) if named.strip() else uploaded


def _start(inspector: Inspector, source: Path) -> None:
    job = draft(KIND)
    command = jobs.nero("benchmark", inspector.bundle.path, "--ood", source, "--out", job.result)
    command += ["--device", os.environ.get("NERO_DEVICE", "auto"), "--progress", str(job.progress)]
    job.write(FORM, state.jobs.answers())
    facts = {"name": source.name, "bundle": inspector.bundle.card.title}
    jobs.start(job, command, KIND, owner=admit().acts_as, **facts)
    state.jobs.show_job(KIND, job.id)
    state.jobs.keep_draft(KIND, None)


def _heading(inspector: Inspector, job: Job, name: str, result: BenchmarkResult | None) -> None:
    with st.container(border=True, key="run_done"):
        st.subheader(f"On the OOD images of {words.plain(name)}", anchor=False)
        if result is not None and result.bundle_digest != inspector.bundle.digest:
            st.warning(
                f"These figures belong to the reference set {words.plain(result.bundle_title)}, not to the one chosen "
                "in the side bar."
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            report = job.result / "results.html"
            if report.is_file():
                st.download_button(
                    "Download the report",
                    report.read_bytes,
                    file_name="comparison.html",
                    mime="text/html",
                    icon=":material/download:",
                    on_click="ignore",
                    help="One page with the table and the plots, to keep or to send.",
                )
            st.button(
                "Back to the reference set's own images",
                icon=":material/arrow_back:",
                key="leave_run",
                on_click=state.jobs.leave_job,
                args=(KIND,),
            )
        st.caption(f"Kept for {jobs.KEPT_SECONDS / 3600:g} hours at this page's address.")
