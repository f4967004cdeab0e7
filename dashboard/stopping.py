"""The end of the server: who is asked to end lets go of what others could do, and does so within seconds.

The processes of jobs outlive a server that is killed. One that is asked to end tells them: they take no further job,
and one that scores a worklist gives back what it has not scored, so that whoever goes on need not wait for its lease.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Any

from streamlit.web import bootstrap

from nero_core.errors import NeroError

LONGEST = 8.0  # seconds; ``nero dashboard`` and container engines kill after ten
FOR_JOBS = 5.0  # of these
_log = logging.getLogger(__name__)
_set_up = bootstrap._set_up_signal_handler
_asked = threading.Event()


def stop_with_grace() -> None:
    """From now on, of the server of this process; Streamlit's own way of ending comes after ours."""
    bootstrap._set_up_signal_handler = _set_up_both


def wait_for_jobs() -> None:
    """Wait until the processes of jobs have let go, but not longer than ``FOR_JOBS``."""
    if _asked.is_set():
        with suppress(NeroError):  # the database ends too: leases will
            import_module("dashboard.work.jobs").wait_for_processes(FOR_JOBS)


def _set_up_both(server: Any) -> None:  # noqa: ANN401  Streamlit's
    _set_up(server)
    for number in (signal.SIGTERM, signal.SIGINT):
        _begin_before(number, signal.getsignal(number))


def _begin_before(number: int, handler: Callable[[int, FrameType | None], Any] | int | None) -> None:
    def begin(received: int, frame: FrameType | None) -> None:
        if not _asked.is_set():
            _asked.set()
            threading.Thread(target=_let_go, name="stopping", daemon=True).start()
        if callable(handler):
            handler(received, frame)

    signal.signal(number, begin)


def _let_go() -> None:
    """Tell the processes of jobs; end this process in any case when its time is over: a script may compute on."""
    timer = threading.Timer(LONGEST, os._exit, (0,))
    timer.daemon = True
    timer.start()
    _log.info("stopping")
    import_module("dashboard.work.jobs").close_processes()
