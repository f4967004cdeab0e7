"""A result with names that would break out of any page or table."""

from dataclasses import replace
from types import MappingProxyType

import pytest
import torch

from nero_core.benchmark.compare import compare_banks
from nero_core.benchmark.records import BenchmarkResult, Skipped
from nero_core.calibration import Bundle
from nero_core.inspector import Inspector

HOSTILE = "<script>alert(1)</script>"
QUOTES = "\"'><img src=x onerror=alert(2)>|`*"


@pytest.fixture(scope="session")
def result(loaded_tiny: Bundle) -> BenchmarkResult:
    inspector = Inspector(loaded_tiny, torch.device("cpu"))
    return compare_banks(inspector, methods=["msp", "nero", "energy", "mahalanobis"], replicates=50)


@pytest.fixture(scope="session")
def hostile(result: BenchmarkResult) -> BenchmarkResult:
    """The same result with a hostile title, hostile class names, and a hostile reason."""
    new = dict(zip(result.ood_classes, (HOSTILE, f"={QUOTES}"), strict=True))
    methods = tuple(
        replace(method, per_class=MappingProxyType({new[name]: figures for name, figures in method.per_class.items()}))
        for method in result.methods
    )
    return replace(
        result,
        bundle_title=f"{HOSTILE}{QUOTES}",
        id_name=QUOTES,
        ood_name=HOSTILE,
        ood_classes=MappingProxyType({new[name]: count for name, count in result.ood_classes.items()}),
        methods=methods,
        skipped=(Skipped("odin", f"Found {HOSTILE}\n# a heading."),),
    )
