"""The real server, whose maps by UMAP begin when the file ``NERO_TEST_GATE`` is there.

As a module: ``python -m tests.browser.gated_server run dashboard/app.py``.
"""

import os
import runpy
import time
from collections.abc import Callable
from pathlib import Path

from nero_core import Explorer
from nero_core.types import RelevanceMap

lay_out = Explorer.relevance_map


def gated(self: Explorer, kind: str = "pca", on_progress: Callable[[int, int], None] | None = None) -> RelevanceMap:
    """The real map; before a long one, tell again and again that it begins, which is where a stop ends it."""
    gate = Path(os.environ["NERO_TEST_GATE"])
    while on_progress is not None and not gate.exists():
        on_progress(0, 0)
        time.sleep(0.05)
    return lay_out(self, kind, on_progress)  # type: ignore[arg-type]


if __name__ == "__main__":
    Explorer.relevance_map = gated  # type: ignore[method-assign, assignment]
    runpy.run_module("dashboard.server", run_name="__main__", alter_sys=True)
