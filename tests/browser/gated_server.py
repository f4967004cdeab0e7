"""The real server, which waits at a place of its own while a file is there that a variable names.

Its imports wait while the file ``NERO_TEST_IMPORTS`` is there, its verdicts while ``NERO_TEST_VERDICTS`` is, and its
maps by UMAP while ``NERO_TEST_MAPS`` is.

As a module: ``python -m tests.browser.gated_server run dashboard/app.py``.
"""

import os
import runpy
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from dashboard import starting
from nero_core import Explorer, Inspector
from nero_core.types import Detection, RelevanceMap

lay_out, detect = Explorer.relevance_map, Inspector.detect


def turns(name: str) -> Iterator[None]:
    """One turn after the other while the file is there that this variable names."""
    path = os.environ.get(name)
    while path and Path(path).exists():
        yield
        time.sleep(0.05)


def gated(self: Explorer, kind: str = "pca", on_progress: Callable[[int, int], None] | None = None) -> RelevanceMap:
    """The real map; before a long one, tell again and again that it begins, which is where a stop ends it."""
    if on_progress is not None:
        for _ in turns("NERO_TEST_MAPS"):
            on_progress(0, 0)
    return lay_out(self, kind, on_progress)  # type: ignore[arg-type]


def slowed(self: Inspector, *given: Any, **named: Any) -> dict[str, Detection]:
    """The real verdict, once nothing holds it back."""
    for _ in turns("NERO_TEST_VERDICTS"):
        pass
    return detect(self, *given, **named)


def import_late(name: str) -> ModuleType:
    """The real import, once nothing holds it back."""
    for _ in turns("NERO_TEST_IMPORTS"):
        pass
    return import_module(name)


if __name__ == "__main__":
    starting.import_module = import_late  # type: ignore[attr-defined]
    Inspector.detect = slowed  # type: ignore[method-assign, assignment]
    Explorer.relevance_map = gated  # type: ignore[method-assign, assignment]
    runpy.run_module("dashboard.server", run_name="__main__", alter_sys=True)
