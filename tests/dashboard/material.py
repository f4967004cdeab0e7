"""What several tests of the dashboard are made of."""

import io
import threading
import time
from collections.abc import Callable

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.work.background_task import THREADS

Offered = dict[str, Callable[[], bytes]]  # what a page offers to make, by the name of the file
CLASSES = ("normal-cecum", "normal-pylorus", "normal-z-line")


def png(side: int = 64, seed: int = 0, width: int | None = None) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, width or side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def html(running: AppTest) -> str:
    """All HTML on the page."""
    return "\n".join(str(element.proto.body) for element in running.get("html"))


def no_traceback(running: AppTest) -> None:
    assert not running.exception
    assert not any("not foreseen" in str(error.value) for error in running.error)


def until(running: AppTest, holds: Callable[[], object], seconds: float = 240) -> AppTest:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        _let_others_work()
        running.run()
        no_traceback(running)
    return running


def _let_others_work() -> None:
    """Until a task or a job beside the page has ended, but no longer than two seconds: each look at a page costs."""
    time.sleep(0.1)
    deadline = time.monotonic() + 1.9
    for thread in threading.enumerate():
        if thread.name.startswith((THREADS, "job ")):
            thread.join(max(0.0, deadline - time.monotonic()))


def asked(running: AppTest, name: str) -> str:
    """What the URL holds."""
    value = running.query_params[name]
    return value if isinstance(value, str) else value[0]
