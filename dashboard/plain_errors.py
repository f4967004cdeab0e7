"""The one place where errors become sentences."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import words
from dashboard.operations.logs import event
from dashboard.operations.metrics import count_error
from nero_core.errors import BundleError, NeroError

_log = logging.getLogger(__name__)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Say a ``NeroError`` on the page; log anything unforeseen, and say only that it happened.

    Pages run inside it, and so does each fragment, which Streamlit reruns without the page around it. The log's lines
    of one run have its number, which stands in the sentence too.
    """
    context = get_script_run_ctx(suppress_warning=True)
    with event(context.session_id if context is not None else "") as run:
        try:
            yield
        except BundleError as error:
            count_error(type(error).__name__)
            st.error(words.plain(str(error)), icon=":material/folder_off:")
            st.markdown("Choose another reference set in the side bar.")
        except NeroError as error:
            count_error(type(error).__name__)
            st.error(words.plain(str(error)), icon=":material/error:")
        except Exception:
            count_error("unforeseen")
            _log.exception("unforeseen on a page")
            st.error(
                "Something happened here that was not foreseen. Expected: this part of the page. Found: an error, "
                f"which the server has written to its log as event {run.number}. Reload the page, or choose another "
                "image.",
                icon=":material/error:",
            )
