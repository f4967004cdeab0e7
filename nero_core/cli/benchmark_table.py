"""The table that ``nero benchmark`` prints for people."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nero_core.benchmark.records import BenchmarkResult, Interval
from nero_core.cli.terminal import printable
from nero_core.report import FIGURE_NAMES, percent
from nero_core.report.protocol import microseconds

FILE_WIDTH = 160  # columns where no terminal sets a width
ROOM = 120  # columns that intervals of all figures need; below it only AUROC has one


def print_result(result: BenchmarkResult) -> None:
    """Methods by rank in percent, then those left out and why."""
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(_shown(f"{result.bundle_title}: {result.id_size} ID and {result.ood_size} OOD images"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("method", no_wrap=True)
    table.add_column("family", overflow="fold")
    for title in FIGURE_NAMES.values():
        table.add_column(f"{title} %", justify="right", overflow="fold")
    table.add_column("µs an image", justify="right")
    for method in result.methods:
        figures = dict(method.pooled.items())
        cells = [_number(figures[name], name == "auroc" or console.width >= ROOM) for name in FIGURE_NAMES]
        table.add_row(
            str(method.rank),
            _shown(method.method),
            _shown(method.family),
            *cells,
            microseconds(method.seconds_per_image),
        )
    console.print(table)
    for skipped in result.skipped:
        console.print(_shown(f"Left out: {skipped.method}: {skipped.reason}"), soft_wrap=True)


def _number(figure: Interval, with_interval: bool) -> str:
    return percent(figure) if with_interval else f"{100 * figure.value:.1f}"


def _shown(text: str) -> Text:
    """Without markup, and without characters that would steer the terminal."""
    return Text(printable(text))
