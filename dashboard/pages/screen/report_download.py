"""The report of the image: notes and date first, then the files."""

from functools import partial

import streamlit as st

from dashboard import resources, state
from dashboard.components.download_row import download_row
from dashboard.components.signing import sign_toggle
from dashboard.options import Options
from dashboard.plain_errors import plain_errors
from dashboard.resources import ReportForm, ReportSettings, Source
from nero_core import Inspector
from nero_core.case_report import LONGEST_TEXT, load_signer
from nero_core.figures import short_id

_FORMS: dict[ReportForm, tuple[str, str]] = {"pdf": ("PDF", "application/pdf"), "html": ("HTML", "text/html")}


@st.fragment
def report_download(inspector: Inspector, item: Source, options: Options) -> None:
    """Notes are taken by a button of their own, so that no file is made without what was typed last."""
    with st.popover("Report", icon=":material/description:", type="tertiary", key="report"), plain_errors():
        st.caption(
            "One page for the file of the case: image, maps, verdict in words, plots, similar images, digests, limits."
        )
        with st.form("report_form", border=False):
            text = st.text_area(
                "Notes",
                key=state.screen.REPORT_NOTES,
                max_chars=LONGEST_TEXT,
                height=120,
                placeholder="Printed as they stand. They stay on this page only.",
            )
            made_on = st.date_input("Date", value="today", format="YYYY-MM-DD", key=state.screen.REPORT_DATE)
            signs = sign_toggle("report_sign")
            if st.form_submit_button("Prepare"):
                state.screen.prepare_report(item.id)
        if not state.screen.is_report_prepared(item.id):
            return
        composite = state.screen.composite(inspector.composites)
        settings = ReportSettings(
            options.method, options.tpr, composite, text or "", made_on, options.like, options.by_class, signs
        )
        if signs:
            load_signer()  # what is wrong with the certificate is said here, and not by a button that does nothing
        download_row(
            _FORMS,
            lambda form: partial(resources.case_report, inspector, item, settings, form),
            f"report-{short_id(item.id)}",
            "report",
        )
