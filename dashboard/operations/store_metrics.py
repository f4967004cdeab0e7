"""What the store says, for Prometheus: jobs, worklists and p-values of all processes of this server.

Worklists are scored by processes that come and go. prometheus-client's files for several processes would have to be
kept for those that have ended, and a kill would lose what they had not written; the store has every result anyway.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboard.operations.metrics import DIGITS, TENTHS
from nero_core.errors import NeroError
from nero_core.store import Store, tallies


class StoreMetrics(Collector):
    """Asks the store whenever Prometheus asks.

    Args:
        store: gives the store that is open.
        place: gives the name by which jobs of this server are known.
    """

    def __init__(self, store: Callable[[], Store], place: Callable[[], str]) -> None:
        self._store, self._place = store, place

    def describe(self) -> tuple[Metric, ...]:
        """Nothing beforehand: the store is not asked before somebody wants to know."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The counts; where the store does not answer, only that."""
        up = GaugeMetricFamily("nero_store_up", "Whether the database answers.")
        try:
            counts = tallies(self._store(), self._place(), TENTHS)
        except NeroError:
            up.add_metric((), 0)
            yield up
            return
        up.add_metric((), 1)
        yield up
        yield _gauge("nero_jobs", "Jobs of this server.", ("kind", "state"), counts.jobs)
        waits = {(kind,): seconds for kind, seconds in counts.job_waits.items()}
        yield _gauge("nero_job_oldest_waiting_seconds", "How long the first job in the line waits.", ("kind",), waits)
        items = {(state,): count for state, count in counts.items.items()}
        yield _gauge("nero_worklist_items", "Images of all worklists.", ("state",), items)
        age = {(): counts.item_waits}
        yield _gauge("nero_worklist_oldest_open_seconds", "Age of the oldest worklist that is not done.", (), age)
        results = {(bundle[:DIGITS], verdict): count for (bundle, verdict), count in counts.results.items()}
        yield _gauge("nero_worklist_results", "Results of all worklists.", ("bundle", "verdict"), results)
        p_values = {
            (bundle[:DIGITS], f"{edge:g}"): count
            for bundle, below in counts.p_values.items()
            for edge, count in zip(TENTHS, below, strict=True)
        }
        about = "p-values of the last seven days at or below an edge; an even share each while nothing has moved."
        yield _gauge("nero_worklist_p_values", about, ("bundle", "upto"), p_values)


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    gauge = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        gauge.add_metric(key, value)
    return gauge
