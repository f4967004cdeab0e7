"""UMAP while it is at work: it lays out one map at a time, and what else wants one waits."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch

from nero_core.explain.relevance_map import lay_out

LONG = 60.0  # seconds
Told = Callable[[int, int], None]


class DroppedError(Exception):
    """What ends the work."""


def some_map(on_progress: Told) -> object:
    """A map of no bundle."""
    return lay_out(torch.eye(9), "umap", on_progress=on_progress)


@contextmanager
def umap_at_work(begin: Callable[[Told], object] = some_map) -> Iterator[None]:
    """Inside, another thread lays out a map and gets no further than to its first word; at the end it is dropped.

    Args:
        begin: lays it out and tells how far it is.
    """
    begun, go_on = threading.Event(), threading.Event()

    def told(done: int, total: int) -> None:
        begun.set()
        assert go_on.wait(LONG)
        raise DroppedError

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(begin, told)
        try:
            assert begun.wait(LONG)
            yield
        finally:
            go_on.set()
        with pytest.raises(DroppedError):
            work.result()
