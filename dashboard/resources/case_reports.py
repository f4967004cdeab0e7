"""The report of one image, described and set when somebody asks for it."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import streamlit as st

from dashboard.resources.bundles import key
from dashboard.resources.images import HOUR, Source, decoded
from nero_core import Inspector
from nero_core.case_report import Case, describe_case, describe_report, html_report, pdf_report
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
    """

    method: str
    tpr: float
    composite: str | None
    text: str
    made_on: date | None


def case_report(model: Inspector, item: Source, settings: ReportSettings, form: ReportForm) -> bytes:
    """The file: the same bytes as ``nero report`` writes with the same settings.

    Raises:
        NeroError: it cannot be described or set.
    """
    case = _case(key(model), item.id, item.name, replace(settings, made_on=None), model, item)
    described = describe_report(model, [case], settings.made_on)
    return (pdf_report if form == "pdf" else html_report)(described)


@st.cache_resource(max_entries=8, ttl=HOUR, show_spinner=False)
def _case(model_key: str, image_id: str, name: str, settings: ReportSettings, _model: Inspector, _item: Source) -> Case:
    """Under the name of the file and its notes, which are part of it."""
    with decoded(_item) as picture:
        named = replace(picture, name=file_name(name))
    return describe_case(_model, named, settings.method, settings.tpr, settings.composite, settings.text)
