"""Every report of a benchmark, beside its ``results.json``."""

from pathlib import Path

from nero_core.atomic import write_text
from nero_core.benchmark.records import BenchmarkResult
from nero_core.report.page import page
from nero_core.report.tables import csv_table, markdown


def write_reports(result: BenchmarkResult, folder: str | Path) -> tuple[Path, ...]:
    """Write ``results.csv``, ``results.md`` and ``results.html``, each whole or not at all; the paths written."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    texts = {"results.csv": csv_table(result), "results.md": markdown(result), "results.html": page(result)}
    for name, text in texts.items():
        write_text(out / name, text)
    return tuple(out / name for name in texts)
