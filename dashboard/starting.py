"""What the first visitor would wait for, done while the server starts: imports, a reference set, one answer.

It imports nothing heavy before that: so the first words of the page come at once.
"""

import logging
import threading
from importlib import import_module

from dashboard.work.memory import importing

_log = logging.getLogger(__name__)
_begun, _imported = threading.Event(), threading.Event()


def begin() -> None:
    """In a thread: import what the pages need, load the reference set that is offered first, answer and explain once.

    PyTorch, pandas and the classifier's own code take seconds to import, and the first heatmaps of a process take
    several times as long as those after them.
    """
    _begun.set()
    threading.Thread(target=_warm_up, name="starting", daemon=True).start()


def wait_for_imports(seconds: float | None = None) -> bool:
    """Whether the pages' imports are done, at the latest after so many seconds; at once where nothing was begun.

    Two threads that import modules which import one another may see them half made: a page waits here instead.
    """
    return not _begun.is_set() or _imported.wait(seconds)


def _warm_up() -> None:
    try:
        try:
            with importing():
                import_module("dashboard.frame")
                answer_once = import_module("dashboard.resources").answer_once
        finally:
            _imported.set()  # what failed to import says so on the page
        answer_once()
    except Exception:  # the page meets the same, and says it to whom it concerns
        _log.debug("no warm-up", exc_info=True)
