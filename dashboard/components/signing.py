"""Whether a report is signed: where the operator has named a certificate, and the visitor may review."""

import streamlit as st

from dashboard.access import admit
from nero_core.case_report import can_sign


def sign_toggle(key: str) -> str:
    """A switch where signing is possible; who asks for the signature, or nothing where the report is not signed."""
    visitor = admit()
    if not can_sign() or not visitor.may("reviewer"):
        return ""
    asked = st.toggle(
        "Sign the PDF",
        value=True,
        key=key,
        help="With the certificate of this server. The audit log tells who asked for it.",
    )
    return visitor.acts_as if asked else ""
