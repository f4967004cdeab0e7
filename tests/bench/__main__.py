"""Measures each step, ratios in one run on one machine, and keeps the rows as JSON: ``make bench``.

The table and the plots of ``docs/performance.md`` are written from these rows: ``make bench-page``.
"""

import argparse
import datetime
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from nero_core.atomic import write_bytes
from nero_core.device import pick_device
from nero_core.errors import NeroError
from tests.bench.plots import SHOWS, plots
from tests.bench.process import ROOT
from tests.bench.record import Record, Row, circumstances, read_record, write_record
from tests.bench.setting import Setting
from tests.bench.steps import STEPS
from tests.bench.table import shown, written_into

BUILD = ROOT / "build" / "bench.json"
DOCS = ROOT / "docs"
KEPT = "performance.json"  # beside the page: the rows that its table shows


def main() -> None:
    """Measure, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"steps: all, or some of {', '.join(STEPS)}; those that are not long")
    parser.add_argument("--rounds", type=int, default=9, help="of each pair")
    parser.add_argument("--uploads", type=int, help="of which the server's memory is measured")
    parser.add_argument("--out", type=Path, default=BUILD, help="the file of rows")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from the rows")
    options = parser.parse_args()
    if options.page:
        write_page(options.out, DOCS)
        return
    names = chosen(options.names)
    if not options.out.exists() and (DOCS / KEPT).exists():
        options.out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DOCS / KEPT, options.out)  # rows that this run does not measure stay as they are
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(Path(folder), options.rounds)
        setting.uploads = options.uploads or setting.uploads
        for name in names:
            made = measured(name, setting)
            rows += made
            write_record(read_record(options.out).with_rows(made, STEPS), options.out)
    Console(width=150).print(shown(rows))


def measured(name: str, setting: Setting) -> list[Row]:
    """The rows of one step."""
    at, start = circumstances(datetime.datetime.now(datetime.UTC).date().isoformat(), pick_device()), time.monotonic()
    made = list(STEPS[name].rows(setting))
    took = round(time.monotonic() - start, 1)
    print(f"{name}: {took:.0f} s", file=sys.stderr, flush=True)
    return [row.model_copy(update={"name": name, "took": took, "at": at}) for row in made]


def chosen(names: Sequence[str]) -> list[str]:
    """The steps of these names, in the order of the table.

    Raises:
        NeroError: one is none.
    """
    for name in names:
        if name not in STEPS and name != "all":
            raise NeroError(f"Expected steps among {', '.join(STEPS)}. Found {name!r}. Choose some of these, or all.")
    if not names:
        return [name for name, step in STEPS.items() if not step.is_long]
    return list(STEPS) if "all" in names else [name for name in STEPS if name in names]


def write_page(rows: Path, docs: Path) -> Record:
    """The rows beside the page, its table and its plots.

    Args:
        rows: the file that runs wrote.
        docs: the folder of ``performance.md``.

    Raises:
        NeroError: there are no rows, or the page has no place for the table.
    """
    record = read_record(rows)
    if not record.rows:
        raise NeroError(f"Expected rows in {rows.name}. Found none. Measure first: make bench.")
    page = docs / "performance.md"
    pictures = plots(record)
    text = written_into(page.read_text(encoding="utf-8"), record, {name: SHOWS[name] for name in pictures})
    write_record(record, docs / KEPT)
    write_bytes(page, text.encode())
    for name, data in pictures.items():
        write_bytes(docs / name, data)
    return record


if __name__ == "__main__":
    try:
        main()
    except NeroError as error:
        raise SystemExit(str(error)) from error
