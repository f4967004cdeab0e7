"""Two workloads turn by turn, so that both meet the same load of the machine."""

import os
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


def processor_seconds(work: Callable[[], object]) -> float:
    """Seconds of a processor, of all threads, that the processes took which one call starts and waits for."""
    before = os.times()
    work()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def paired(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int,
    measure: Callable[[Callable[[], object]], float] = seconds,
) -> tuple[float, float, float]:
    """Median seconds of both, and the median of their ratio, after one warm-up of each."""
    first(), second()
    times = [(measure(first), measure(second)) for _ in range(rounds)]
    ones, others = zip(*times, strict=True)
    return (
        statistics.median(ones),
        statistics.median(others),
        statistics.median(measured / other for measured, other in times),
    )
