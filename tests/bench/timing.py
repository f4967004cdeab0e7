"""Two workloads turn by turn, so that both meet the same load of the machine."""

import statistics
import time
from collections.abc import Callable

import torch


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratio, after one warm-up of each."""
    first(), second()
    times = [(seconds(first), seconds(second)) for _ in range(rounds)]
    ones, others = zip(*times, strict=True)
    return (
        statistics.median(ones),
        statistics.median(others),
        statistics.median(measured / other for measured, other in times),
    )
