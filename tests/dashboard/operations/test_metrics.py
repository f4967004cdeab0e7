"""Metrics as Prometheus reads them."""

import urllib.request
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dashboard.operations import metrics, serving
from dashboard.operations.metrics import REGISTRY
from dashboard.operations.store_metrics import StoreMetrics
from nero_core.errors import NeroError, StoreError
from nero_core.store import Store, add_job, add_worklist, open_store
from tests.nero_core.store.material import BUNDLE, items, score_all


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_images_are_counted_by_bundle_method_and_verdict_and_their_p_values_by_tenths():
    labels = {"bundle": BUNDLE[:12], "method": "verdict"}
    before = value("nero_images_scored_total", verdict="like", **labels)
    for p in (0.04, 0.1, 0.95):
        metrics.count_scored(BUNDLE, "verdict", "like", p)
    assert value("nero_images_scored_total", verdict="like", **labels) - before == 3
    assert value("nero_p_value_bucket", le="0.1", **labels) == 2  # of this bundle there are no others
    assert value("nero_p_value_bucket", le="0.9", **labels) == 2
    assert value("nero_p_value_bucket", le="1.0", **labels) == 3


def test_a_step_is_timed_unless_it_fails():
    before = value("nero_step_seconds_count", step="decode")
    with metrics.timed("decode"):
        pass
    with pytest.raises(ValueError, match="no image"), metrics.timed("decode"):
        raise ValueError("no image")
    assert value("nero_step_seconds_count", step="decode") - before == 1


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("NERO_HOME", str(tmp_path))
    return open_store(f"sqlite:///{tmp_path}/nero.db")


def read(address: str) -> dict[tuple[str, tuple[str, ...]], float]:
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return {(each.name, tuple(each.labels.values())): each.value for family in families for each in family.samples}


def test_the_metrics_are_served_with_what_the_store_says(store: Store):
    with store:
        add_job(store, "worklist", "ann", place="here")
        number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(12)).id
        score_all(store, number, [(place + 1) / 20 for place in range(12)])
        of_store = StoreMetrics(lambda: store, lambda: "here")
        server = serving.serve_metrics("127.0.0.1:0", of_store)
        try:
            found = read(f"http://127.0.0.1:{server.server_port}")
        finally:
            REGISTRY.unregister(of_store)
            server.shutdown()
            server.server_close()
    assert found["nero_store_up", ()] == 1
    assert found["nero_jobs", ("worklist", "waiting")] == 1
    assert found["nero_worklist_items", ("scored",)] == 12
    assert found["nero_worklist_results", (BUNDLE[:12], "unlike")] == 1
    assert found["nero_worklist_p_values", (BUNDLE[:12], "0.5")] == 10
    assert found["nero_worklist_p_values", (BUNDLE[:12], "1")] == 12
    assert ("nero_sessions", ()) in found
    assert not any("Monday" in str(key) or "ann" in key[1] for key in found)


def test_a_store_that_does_not_answer_is_told_and_stops_nothing():
    def fail() -> Store:
        raise StoreError("Expected a database. Found none.")

    registry = CollectorRegistry()
    registry.register(StoreMetrics(fail, lambda: "here"))
    assert b"nero_store_up 0.0" in generate_latest(registry)


@pytest.mark.parametrize("address", ["9464", "localhost:port", "127.0.0.1:99999", "192.0.2.1:9464"])
def test_an_address_that_is_none_or_not_ours_is_told(address: str):
    with pytest.raises(NeroError, match="metrics"):
        serving.serve_metrics(address, StoreMetrics(lambda: open_store(), lambda: "here"))
