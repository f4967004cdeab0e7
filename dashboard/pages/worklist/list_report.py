"""The report of the whole worklist: asked for, described beside the page, and then downloaded."""

from functools import partial

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.components.download_row import download_row
from dashboard.components.signing import sign_toggle
from dashboard.components.task_progress import WHILE_HERE, task_progress
from dashboard.pages.worklist.reader import reader
from dashboard.plain_errors import plain_errors
from dashboard.resources import ReportForm
from nero_core.case_report import LONGEST_TEXT, MOST_PAGES, ListSettings, load_signer
from nero_core.store import Store, Worklist, reviews_in

FORMS: dict[ReportForm, tuple[str, str]] = {"pdf": ("PDF", "application/pdf"), "html": ("HTML", "text/html")}
PAGES = {
    "unlike": "those that are unlike, overridden or wanted for a second look",
    "all": "all that are scored",
    "none": "none: the table alone",
}


def list_report(store: Store, listed: Worklist) -> None:
    """What is to be in it, then how far it is, then the files; for the owner of the list, since it says what every
    reader said."""
    if listed.owner != reader():
        return
    opened = st.expander(
        "Report of the whole list", icon=":material/description:", key=state.worklist.REPORT, on_change="rerun"
    )
    if not opened.open:  # the browser loads its form only then, and paints the list sooner
        return
    with opened, plain_errors():
        st.caption(
            "What was scored and how, the verdicts, who reviewed what and what is open, all images in a table, and "
            f"pages of single images, at most {MOST_PAGES}. A picture is in it while the server keeps its file."
        )
        with st.form("list_report_form", border=False):
            pages = st.selectbox("Pages of single images", list(PAGES), format_func=PAGES.__getitem__, key="list_pages")
            text = st.text_area("Notes", key="list_notes", max_chars=LONGEST_TEXT, height=80)
            made_on = st.date_input("Date", value="today", format="YYYY-MM-DD", key="list_date")
            signs = sign_toggle("list_sign")
            if st.form_submit_button("Prepare"):
                settings = ListSettings(pages, rate=state.worklist.rate(), text=text or "", made_on=made_on)
                state.worklist.prepare_report(listed.id, settings, _mark(store, listed))
        prepared = state.worklist.prepared_report(listed.id)
        if prepared is not None:
            _described(store, listed, *prepared, signs)


def _described(store: Store, listed: Worklist, settings: ListSettings, mark: int, signs: str) -> None:
    path = resources.worklists.bundle_of(listed.bundle)
    if path is None:
        st.info("The reference set of this worklist is no longer here. Load it again.", icon=":material/link_off:")
        return
    if signs:
        load_signer()  # what is wrong with the certificate is said here, and not by a button that does nothing
    model = resources.inspector(path)
    task = task_progress(
        "list_report",
        "Describing single images",
        lambda instead_of: resources.list_report(model, store, listed, settings, mark, instead_of),
        leave=state.worklist.leave_report,
        parts="images",
        lasts=WHILE_HERE,
    )
    if task is None:
        return
    described, actor = task.result(), reader()
    if mark != _mark(store, listed):
        st.caption("The list has changed since. Prepare the report again to have that in it.")
    st.markdown(words.worklists.described(described))
    download_row(
        FORMS,
        lambda form: partial(resources.report_file, described, form, actor, bool(signs), listed.id),
        f"report-{places.folder_name(listed.name)}",
        "list_report",
    )


def _mark(store: Store, listed: Worklist) -> int:
    """A number that grows with each result and each review."""
    return listed.done + len(reviews_in(store, listed.id))
