"""Every report beside the others."""

from pathlib import Path

from nero_core.benchmark.records import BenchmarkResult
from nero_core.report.write import write_reports


def test_reports_are_written_whole_and_the_same_each_time(result: BenchmarkResult, tmp_path: Path) -> None:
    paths = write_reports(result, tmp_path / "out")
    assert [path.name for path in paths] == ["results.csv", "results.md", "results.html"]
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_reports(result, tmp_path / "out")] == first
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["results.csv", "results.html", "results.md"]
