"""Every method on the same images, with intervals."""

from nero_core.benchmark.compare import compare_banks
from nero_core.benchmark.records import BenchmarkResult, Figures, Interval, MethodResult, Skipped
from nero_core.benchmark.result_file import read_result
from nero_core.benchmark.run import run_benchmark
from nero_core.benchmark.stored import add_comparison, stored_comparison, with_scores

__all__ = [
    "BenchmarkResult",
    "Figures",
    "Interval",
    "MethodResult",
    "Skipped",
    "add_comparison",
    "compare_banks",
    "read_result",
    "run_benchmark",
    "stored_comparison",
    "with_scores",
]
