"""The table that ``nero benchmark`` prints for people."""

import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nero_core.benchmark.records import BenchmarkResult, Interval
from nero_core.cli.terminal import printable
from nero_core.report import FIGURE_NAMES, percent
from nero_core.report.protocol import TIER_FIGURES, microseconds

FILE_WIDTH = 160  # columns where no terminal sets a width
_SHORT = {"csid": "cs-ID", "near": "near-OOD", "far": "far-OOD"}
ROOM = 120  # columns that intervals of all figures need; below it only AUROC has one


def print_result(result: BenchmarkResult) -> None:
    """Methods by rank in percent, the tiers of image lists, then the methods left out and why."""
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
    _print_tiers(console, result)
    for skipped in result.skipped:
        console.print(_shown(f"Left out: {skipped.method}: {skipped.reason}"), soft_wrap=True)


def _print_tiers(console: Console, result: BenchmarkResult) -> None:
    if result.tiers is None:
        return
    lead = f"Each list against the {result.id_list_size} images of the ID list (accuracy {result.id_accuracy:.1%}); "
    rest = "a tier is the mean of its lists; cs-ID = covariate-shifted ID, FPR95 with OOD positive"
    console.print(_shown(f"{lead}{rest}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", no_wrap=True)
    tiers = [tier for tier, _ in result.tiers.items()]
    for tier in tiers:
        for name in TIER_FIGURES:
            figure = FIGURE_NAMES[name].split(" (")[0]
            table.add_column(f"{_SHORT[tier]} {figure} %", justify="right", overflow="fold")
    for method in result.methods:
        figures = [dict(method.tiers[tier].items())[name] for tier in tiers for name in TIER_FIGURES]
        table.add_row(_shown(method.method), *(_number(figure, console.width >= ROOM) for figure in figures))
    console.print(table)


def _number(figure: Interval, with_interval: bool) -> str:
    return percent(figure) if with_interval else f"{100 * figure.value:.1f}"


def _shown(text: str) -> Text:
    """Without markup, and without characters that would steer the terminal."""
    return Text(printable(text))
