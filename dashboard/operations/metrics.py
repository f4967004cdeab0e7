"""What the server counts while it works, for Prometheus: of this process, since it began.

Worklists are scored by other processes; what they did is counted from the store, see ``store_metrics``. Counting costs
microseconds and goes on whether somebody asks or not; the page that shows it is served only where an operator says so.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

Step = Literal["decode", "observe", "detect", "explain"]
TENTHS = tuple(place / 10 for place in range(1, 11))  # bins of p-values, which are uniform while nothing has moved
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DIGITS = 12  # of a bundle's digest, as elsewhere

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
_scored = Counter(
    "nero_images_scored",
    "Images that pages had scored; one whose answer was still there counts once.",
    ("bundle", "method", "verdict"),
    registry=REGISTRY,
)
_p_values = Histogram(
    "nero_p_value", "p-values of these images.", ("bundle", "method"), registry=REGISTRY, buckets=TENTHS
)
_seconds = Histogram("nero_step_seconds", "How long a step took.", ("step",), registry=REGISTRY, buckets=SECONDS)
_errors = Counter("nero_errors", "Errors that pages have shown, by kind.", ("kind",), registry=REGISTRY)
_sessions = Gauge("nero_sessions", "Windows that are open.", registry=REGISTRY)


def count_scored(bundle: str, method: str, verdict: str, p_value: float) -> None:
    """Count an image that was scored.

    Args:
        bundle: its digest.
        method: that scored it.
        verdict: its word.
        p_value: in (0, 1].
    """
    _scored.labels(bundle[:DIGITS], method, verdict).inc()
    _p_values.labels(bundle[:DIGITS], method).observe(p_value)


def count_error(kind: str) -> None:
    """Count an error by the name of its class, or ``unforeseen``."""
    _errors.labels(kind).inc()


def count_session(change: int) -> None:
    """Count a window that was opened (1) or closed (−1)."""
    _sessions.inc(change)


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Measure the block; one that fails is not counted."""
    start = time.perf_counter()
    yield
    _seconds.labels(step).observe(time.perf_counter() - start)
