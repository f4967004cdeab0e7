"""Streamlit's command line, on a server whose small answers leave at once: ``python -m dashboard.server run app.py``.

It also adds headers that keep the page to itself, ends cleanly while something computes, gives back memory that it does
not use, and asks nobody for its outer address: Streamlit does, at checkip.amazonaws.com, to print it and to compare a
visitor's origin with it.

Streamlit binds its socket itself, and for such a socket asyncio leaves Nagle's algorithm on (uvicorn, issue 3149): on a
connection that stays open each small file waits until the one before has been acknowledged, which Linux puts off by
40 ms. The first page that somebody opens is a hundred small files.
"""

import atexit
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from streamlit import net_util
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

from dashboard import starting, stopping
from dashboard.headers import add_headers
from dashboard.operations.logs import begin_log
from dashboard.streamlit_log import take_over
from dashboard.work.memory import return_unused_memory
from dashboard.work.niceness import niceness
from nero_core.errors import NeroError

_listen = socket.socket.listen


def listen_without_delay(listening: socket.socket, *backlog: int) -> None:
    """As ``socket.listen``; what a TCP socket then accepts inherits ``TCP_NODELAY``."""
    if listening.family in (socket.AF_INET, socket.AF_INET6) and listening.type == socket.SOCK_STREAM:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _listen(listening, *backlog)


def no_outer_address() -> None:
    """In the place of Streamlit's question; a server of another name is told it by ``browser.serverAddress``."""


def end(status: object) -> NoReturn:
    """End the process with what ``sys.exit`` was told, and whatever thread still computes with it.

    An interpreter that takes itself apart ends a thread that comes out of PyTorch by unwinding it, which C++ answers
    with SIGABRT. Nothing that runs in a thread here writes a file that it would leave broken.
    """
    if isinstance(status, str):
        print(status, file=sys.stderr)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


def serve_metrics() -> None:
    """Where ``NERO_METRICS`` says so; it is imported only then, since it asks the store."""
    if address := os.environ.get("NERO_METRICS"):
        serving = import_module("dashboard.operations.serving")
        store_metrics, jobs = import_module("dashboard.operations.store_metrics"), import_module("dashboard.work.jobs")
        places = import_module("dashboard.places")
        try:
            serving.serve_metrics(address, store_metrics.StoreMetrics(jobs.store, places.server_id))
        except NeroError as error:
            end(str(error))


def check_settings() -> None:
    """What only the processes of jobs would meet, whose words nobody reads."""
    try:
        niceness()
    except NeroError as error:
        end(str(error))


if __name__ == "__main__":
    begin_log(os.environ.get("NERO_LOG_FORMAT") or "text")
    check_settings()
    take_over()
    socket.socket.listen = listen_without_delay  # type: ignore[assignment, method-assign]
    net_util.get_external_ip = no_outer_address
    add_headers()
    stopping.stop_with_grace()
    return_unused_memory()
    starting.begin()
    serve_metrics()
    PagesManager.uses_pages_directory = False  # else the first visit takes ours for its older kind
    try:
        main(prog_name="streamlit")
    except SystemExit as exit_request:
        stopping.wait_for_jobs()
        end(exit_request.code)
    stopping.wait_for_jobs()
    end(0)
