"""The report of one image, described and set when somebody asks for it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import streamlit as st

from dashboard.resources import worklists
from dashboard.resources.bundles import explorer, key
from dashboard.resources.images import HOUR, Source, decoded
from nero_core import Inspector
from nero_core.case_report import (
    Case,
    CaseReport,
    describe_case,
    describe_report,
    html_report,
    load_signer,
    note_report,
    pdf_report,
    signed_report,
)
from nero_core.data import file_name

ReportForm = Literal["pdf", "html"]


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """What a report is asked for with.

    Attributes:
        method: of the score.
        tpr: share of ID images that should pass.
        composite: of the class heatmap; None = the architecture's own.
        text: free text.
        made_on: the date to print; None = undated.
        like: share of ID images to call like; None = the usual one.
        by_class: whether it is compared within the predicted class.
        signs: who asks for a signed PDF; empty = not signed.
    """

    method: str
    tpr: float
    composite: str | None
    text: str
    made_on: date | None
    like: float | None = None
    by_class: bool = False
    signs: str = ""


def case_report(model: Inspector, item: Source, settings: ReportSettings, form: ReportForm) -> bytes:
    """The file: the same bytes as ``nero report`` writes with the same settings.

    Raises:
        NeroError: it cannot be described, set or signed.
    """
    case = _case(key(model), item.id, item.name, replace(settings, made_on=None, signs=""), model, item)
    described = describe_report(model, [case], settings.made_on)
    if settings.signs and form == "pdf":
        return report_file(described, form, settings.signs, True)
    return (pdf_report if form == "pdf" else html_report)(described)


def report_file(
    described: CaseReport, form: ReportForm, actor: str, is_signed: bool, worklist: int | None = None
) -> bytes:
    """A description as a file, of which the audit log tells.

    Args:
        described: the report.
        form: of the file; a PDF alone is signed.
        actor: who asks for it.
        is_signed: whether with the certificate of this server.
        worklist: its number; None of images alone.

    Raises:
        NeroError: it cannot be set or signed.
    """
    signer = load_signer() if is_signed and form == "pdf" else None
    if signer is not None:
        data = signed_report(described, signer)
    else:
        data = (pdf_report if form == "pdf" else html_report)(described)
    note_report(worklists.store(), actor, form, data, described, signer, worklist)
    return data


@st.cache_resource(max_entries=8, ttl=HOUR, show_spinner=False)
def _case(model_key: str, image_id: str, name: str, settings: ReportSettings, _model: Inspector, _item: Source) -> Case:
    """Under the name of the file and its notes, which are part of it."""
    with decoded(_item) as picture:
        named = replace(picture, name=file_name(name))
    return describe_case(
        _model,
        named,
        settings.method,
        settings.tpr,
        settings.composite,
        settings.text,
        explorer=explorer(_model),
        borderline=settings.like,
        by_class=settings.by_class,
    )
