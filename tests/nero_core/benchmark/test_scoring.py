"""One method fitted and scored, or the reason why not."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from nero_core.benchmark.records import Skipped
from nero_core.benchmark.scoring import Scored, plain_setting, score_method
from nero_core.detectors.catalog import DETECTORS, build_detector
from nero_core.detectors.knn import KNN
from nero_core.inspector import Inspector


@pytest.fixture(scope="module")
def inspector(tiny_inspector: Inspector) -> Inspector:
    return tiny_inspector


def score(inspector: Inspector, name: str) -> Scored | Skipped:
    bundle = inspector.bundle
    assert bundle.ood is not None
    return score_method(inspector, name, bundle.calibration, bundle.ood)


def test_settings_are_those_that_the_fit_used_where_none_were_given(inspector: Inspector) -> None:
    bundle = inspector.bundle
    for name in ("nero", "knn", "neco"):
        detector = build_detector(name, bundle.classifier.head, **bundle.card.hyper(name))
        detector.fit_features(bundle.fit.features, bundle.fit.labels)
        scored = score(inspector, name)
        assert isinstance(scored, Scored)
        fitted = detector.fitted_settings  # type: ignore[attr-defined]
        assert fitted
        assert {key: scored.hyper[key] for key in fitted} == dict(fitted)
        assert scored.hyper.keys() >= DETECTORS[name].defaults.keys()
        assert None not in scored.hyper.values()


def test_settings_are_plain_json() -> None:
    scalar = torch.tensor(0.5, dtype=torch.float64)
    assert [plain_setting(value) for value in (scalar, torch.tensor([3]), np.int64(4), None, True, "mixup", 0.25)] == [
        *(0.5, 3, 4),
        *(None, True, "mixup", 0.25),
    ]
    assert type(plain_setting(np.float64(0.5))) is float
    assert plain_setting(math.inf) == "inf"
    assert isinstance(plain_setting(torch.zeros(3)), str)


class Failing(KNN):
    """A detector whose fit raises what it is told."""

    error: BaseException

    def fit_features(self, x: Any, y: Any) -> "Failing":
        """Raise it."""
        raise self.error


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    monkeypatch.setattr(Failing, "error", error, raising=False)
    monkeypatch.setattr("nero_core.calibration.feature_bank.build_detector", lambda name, head, **hyper: Failing(head))


def test_a_method_that_finds_no_memory_says_so(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError) as allocation:
        torch.empty(2**55)  # as PyTorch itself reports it on a CPU
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), allocation.value):
        fail_with(monkeypatch, error)
        skipped = score(inspector, "knn")
        assert isinstance(skipped, Skipped)
        assert "Expected memory to compare" in skipped.reason
        assert "Give fewer images" in skipped.reason


def test_a_decomposition_that_fails_is_a_reason(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError) as decomposition:
        torch.linalg.cholesky(-torch.eye(2))
    fail_with(monkeypatch, decomposition.value)
    skipped = score(inspector, "knn")
    assert isinstance(skipped, Skipped)
    assert "positive-definite" in skipped.reason


def test_a_fault_of_the_program_is_not_hidden(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("The size of tensor a (3) must match"), TypeError("no"), IndexError("no")):
        fail_with(monkeypatch, error)
        with pytest.raises(type(error)):
            score(inspector, "knn")


def test_the_clock_starts_when_the_device_is_idle(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    elsewhere = Inspector(inspector.bundle, torch.device("cuda"))  # as it says; the banks are here
    clock = iter(range(1000))

    def read_clock() -> float:
        events.append("clock")
        return float(next(clock)) / 1000

    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append("wait"))
    monkeypatch.setattr("nero_core.benchmark.scoring.time.perf_counter", read_clock)
    scored = score(elsewhere, "msp")
    assert isinstance(scored, Scored)
    assert events == ["wait", "clock"] * len(events[::2])
    assert len(events) == 2 * 2 * (1 + 5)  # before and after the fit and each of five timings
