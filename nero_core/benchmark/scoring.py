"""One method, fitted and scored over both banks; or the reason why it is left out."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from nero_core.benchmark.fields import Setting
from nero_core.benchmark.records import Skipped
from nero_core.calibration.feature_bank import FeatureBank, bank_scores, detector_input
from nero_core.detectors.catalog import DETECTORS
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.types import TESTS, VERDICT

REPEATS = 5  # timings of a method; the median counts
LONG = 1.0  # seconds; a method that takes longer is timed once
# What PyTorch says where memory ends but it raises a plain RuntimeError: the CPU's, Apple's and cuBLAS's allocators.
_NO_MEMORY = ("DefaultCPUAllocator", "MPS backend out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@dataclass(frozen=True, slots=True)
class Scored:
    """A fitted method's scores, and how long it took; see ``records.MethodResult``."""

    name: str
    hyper: Mapping[str, Setting]
    fit_seconds: float
    seconds_per_image: float | None
    id_scores: Float[Tensor, " id"]
    ood_scores: Float[Tensor, " ood"]


def score_method(inspector: Inspector, name: str, id_bank: FeatureBank, ood_bank: FeatureBank) -> Scored | Skipped:
    """Fit a method on the bundle's fit bank and score both banks.

    ``name`` may be that of the verdict by two tests. A method that cannot fit the bank, has no finite score of an
    image, or finds no memory is left out. Any other error is a fault of the program and is raised as it is.
    """
    device = inspector.device
    try:
        _wait(device)
        start = time.perf_counter()
        method = _two_tests(inspector) if name == VERDICT else _detector(inspector, name)
        _wait(device)
        fit_seconds = time.perf_counter() - start
        scores = [method.score(bank) for bank in (id_bank, ood_bank)]
        seconds = None if method.timed is None else _seconds(method.timed(id_bank), device) / len(id_bank)
    except NeroError as error:
        return Skipped(name, str(error) or type(error).__name__)
    except LinAlgError as error:
        return Skipped(name, f"Expected a decomposition that succeeds. Found: {error}. Use another method.")
    except (MemoryError, RuntimeError) as error:
        if not _no_memory(error):
            raise
        return Skipped(
            name,
            f"Expected memory to compare {len(id_bank) + len(ood_bank)} images. Found none left on "
            f"{inspector.device_name}. Give fewer images, or use another device or method.",
        )
    for kind, values in zip(("ID", "OOD"), scores, strict=True):
        strange = int((~values.isfinite()).sum())
        if strange:
            reason = f"Expected finite scores. Found {strange} of {len(values)} {kind} images without one."
            return Skipped(name, f"{reason} Use another method.")
    hyper = {key: plain_setting(value) for key, value in method.hyper.items()}
    return Scored(name, MappingProxyType(hyper), fit_seconds, seconds, *scores)


@dataclass(frozen=True, slots=True)
class _Method:
    """What was fitted: how it scores a bank, what is timed of that, where anything is, and its settings."""

    score: Callable[[FeatureBank], Float[Tensor, " images"]]
    timed: Callable[[FeatureBank], Callable[[], object]] | None
    hyper: Mapping[str, object]


def _detector(inspector: Inspector, name: str) -> _Method:
    bundle, spec = inspector.bundle, DETECTORS[name]
    recorded = bundle.card.hyper(name)
    detector = bundle.fitted_detector(name)
    fitted: Mapping[str, object] = getattr(
        detector, "fitted_settings", {}
    )  # what the fit chose where nothing was given

    def timed(bank: FeatureBank) -> Callable[[], object]:
        return partial(detector.predict_features, detector_input(detector, bank))

    score = partial(bank_scores, name, detector)
    return _Method(score, None if spec.needs == "image" else timed, {**spec.defaults, **recorded, **fitted})


def _two_tests(inspector: Inspector) -> _Method:
    """The verdict: both tests, held against the calibration images. What was fitted before takes no time again."""
    inspector.verdict_scores(inspector.bundle.calibration)

    def timed(bank: FeatureBank) -> Callable[[], object]:
        return partial(inspector.verdict_scores, replace(bank, ids=bank.ids[::-1]))  # the bank's own are kept

    return _Method(inspector.verdict_scores, timed, {"tests": ", ".join(TESTS)})


def plain_setting(value: object) -> Setting:
    """A hyper-parameter as JSON has it; one that JSON has not, such as a vector or infinity, in words."""
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and value.numel() == 1):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    times: list[float] = []
    while len(times) < REPEATS and (not times or times[0] < LONG):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _wait(device: torch.device) -> None:
    """An accelerator's answers come later than its calls return."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _no_memory(error: MemoryError | RuntimeError) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error) for word in _NO_MEMORY)
