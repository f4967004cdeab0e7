"""The one place where errors become sentences."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import words
from nero_core.errors import BundleError, NeroError

_log = logging.getLogger(__name__)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say a ``NeroError`` on the page; log anything unforeseen, and say only that it happened.

    Pages run inside it, and so does each fragment, which Streamlit reruns without the page around it.
    """
    try:
        yield
    except BundleError as error:
        st.error(words.plain(str(error)), icon=":material/folder_off:")
        st.markdown("Choose another reference set in the side bar.")
    except NeroError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
    except Exception:
        _log.exception("unforeseen on a page")
        st.error(
            "Something happened here that was not foreseen. Expected: this part of the page. Found: an error, which "
            "the server has written to its log. Reload the page, or choose another image.",
            icon=":material/error:",
        )
