"""Whose turn it is when several visitors ask at once: verdicts come before maps.

A page goes on after its verdict for seconds, in which it draws and computes maps; Python runs one thread at a time, and
a small server has two cores. Without turns all pages go on equally, and who came last waits for everybody's maps.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 3.0  # seconds that what comes after a verdict waits for other verdicts, at most
MAPS_AT_ONCE = max(1, (os.cpu_count() or 2) // 2)  # each uses several cores


class Turns:
    """Lets what comes later wait while somebody still has no verdict.

    Args:
        patience: seconds; a method that is fitted first takes long, and holds nobody up for longer than this.
        maps_at_once: how many compute maps.
    """

    def __init__(self, patience: float = PATIENCE, maps_at_once: int = MAPS_AT_ONCE) -> None:
        self._patience = patience
        self._verdicts = 0
        self._none_left = threading.Condition()
        self._maps = threading.Semaphore(maps_at_once)

    @contextmanager
    def verdict(self) -> Iterator[None]:
        """The block finds a verdict and shows it."""
        with self._none_left:
            self._verdicts += 1
        try:
            yield
        finally:
            with self._none_left:
                self._verdicts -= 1
                self._none_left.notify_all()

    def wait_for_verdicts(self) -> float:
        """Wait until nobody is at a verdict, or patience ends; the seconds that it took."""
        start = time.monotonic()
        with self._none_left:
            self._none_left.wait_for(lambda: self._verdicts == 0, self._patience)
        return time.monotonic() - start

    @contextmanager
    def maps(self) -> Iterator[None]:
        """The block computes maps."""
        with self._maps:
            yield


TURNS = Turns()
