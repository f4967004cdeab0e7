"""The page "Compare methods"."""

import streamlit as st

# in the URL
METHODS = "methods"
BY_CLASS = "by_class"
EVERY_METHOD = "every_method"

# in the session alone
_ASKED = "comparison_asked"


def ask_comparison(digest: str) -> None:
    """Somebody wants all methods compared on this reference set's own images; for a callback."""
    st.session_state[_ASKED] = digest


def is_comparison_asked(digest: str) -> bool:
    """Whether this session has asked for it."""
    return bool(st.session_state.get(_ASKED) == digest)
