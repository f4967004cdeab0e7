"""All methods on a bundle's own banks, computed beside the pages. Knows no Streamlit.

A page is run anew at every click, which would cut a computation of half a minute short. This one belongs to no page:
whoever asks first starts it, whoever asks later sees how far it is, and it is kept for all of them.
"""

import logging
import threading

from nero_core import BenchmarkResult, Inspector, compare_banks
from nero_core.errors import NeroError

_log = logging.getLogger(__name__)
_ONE = threading.Semaphore(1)  # two at once would take twice as long each


class Comparison:
    """One comparison, begun when it is made.

    Args:
        inspector: holds the bundle.

    Attributes:
        done: methods that have been compared.
        total: methods in all; 0 before it began.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.done, self.total = 0, 0
        self._result: BenchmarkResult | None = None
        self._error: NeroError | None = None
        self._thread = threading.Thread(target=self._run, args=(inspector,), name="comparison", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether there is a result or an error."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, but not longer than this; whether it is over."""
        self._thread.join(seconds)
        return self.is_over

    def result(self) -> BenchmarkResult:
        """What was found, once it is over.

        Raises:
            CalibrationError: the bundle has no OOD bank, or no method fits it.
            NeroError: something unforeseen, which the log holds.
        """
        if self._result is None:
            raise self._error or NeroError(
                "Expected a comparison of all methods. Found an error, which the server has written to its log. "
                "Choose another reference set."
            )
        return self._result

    def _run(self, inspector: Inspector) -> None:
        try:
            with _ONE:
                self._result = compare_banks(inspector, on_progress=self._advance)
        except NeroError as error:
            self._error = error
        except Exception:
            _log.exception("unforeseen in a comparison")

    def _advance(self, stage: str, done: int, total: int) -> None:
        self.done, self.total = done, total
