"""The real server, whose maps by UMAP begin when the file ``NERO_TEST_GATE`` is there.

Its verdicts wait while the file ``NERO_TEST_HOLD`` is there, and its imports while ``NERO_TEST_IMPORTS`` is.

As a module: ``python -m tests.browser.gated_server run dashboard/app.py``.
"""

import os
import runpy
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from dashboard import starting
from nero_core import Explorer, Inspector
from nero_core.types import Detection, RelevanceMap

lay_out, detect = Explorer.relevance_map, Inspector.detect


def gated(self: Explorer, kind: str = "pca", on_progress: Callable[[int, int], None] | None = None) -> RelevanceMap:
    """The real map; before a long one, tell again and again that it begins, which is where a stop ends it."""
    gate = Path(os.environ["NERO_TEST_GATE"])
    while on_progress is not None and not gate.exists():
        on_progress(0, 0)
        time.sleep(0.05)
    return lay_out(self, kind, on_progress)  # type: ignore[arg-type]


def slowed(self: Inspector, *given: Any, **named: Any) -> dict[str, Detection]:
    """The real verdict, once nothing holds it back."""
    hold = os.environ.get("NERO_TEST_HOLD")
    while hold and Path(hold).exists():
        time.sleep(0.05)
    return detect(self, *given, **named)


def import_late(name: str) -> ModuleType:
    """The real import, once nothing holds it back."""
    hold = os.environ.get("NERO_TEST_IMPORTS")
    while hold and Path(hold).exists():
        time.sleep(0.05)
    return import_module(name)


if __name__ == "__main__":
    starting.import_module = import_late  # type: ignore[attr-defined]
    Inspector.detect = slowed  # type: ignore[method-assign, assignment]
    Explorer.relevance_map = gated  # type: ignore[method-assign, assignment]
    runpy.run_module("dashboard.server", run_name="__main__", alter_sys=True)
