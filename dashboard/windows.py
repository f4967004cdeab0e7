"""The visitors' windows: how many are open, and what happens when the last one has been closed for a while."""

import logging
import threading
from collections.abc import Callable
from importlib import import_module

from dashboard.operations.metrics import count_session
from dashboard.work.memory import give_back

REST = 60.0  # seconds; a page that is loaded again closes its window for a moment
_log = logging.getLogger(__name__)


def forget() -> None:
    """Let go of what was made of visitors' images, and give the memory back."""
    import_module("dashboard.resources").forget_images()
    give_back()


class Windows:
    """Counts them.

    Args:
        forget: is called when none has been open for some time.
        rest: seconds of that.
    """

    def __init__(self, forget: Callable[[], None] = forget, rest: float = REST) -> None:
        self._forget, self._rest = forget, rest
        self._open = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def opened(self) -> None:
        """Somebody has come."""
        count_session(1)
        with self._lock:
            self._open += 1
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def closed(self) -> None:
        """Somebody has left."""
        count_session(-1)
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._timer = threading.Timer(self._rest, self._forget_images)
                self._timer.daemon = True
                self._timer.start()

    def _forget_images(self) -> None:
        try:
            self._forget()
            _log.info("nobody is there: what was made of images is forgotten")
        except Exception:
            _log.exception("unforeseen while nobody is there")
