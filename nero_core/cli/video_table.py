"""What ``nero video`` prints for people: the frames, the stretches, and what became of the others."""

import sys
from typing import TYPE_CHECKING

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nero_core.cli.score_table import FILE_WIDTH
from nero_core.cli.terminal import VERDICTS, printable
from nero_core.types import time_stamp

if TYPE_CHECKING:
    from nero_core.types import Timeline


def print_timeline(timeline: "Timeline", class_names: tuple[str, ...]) -> None:
    """On stdout, a row a frame; those of a stretch bear its number."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("time", "frame"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("score", "threshold", "p-value"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("predicted", overflow="fold")
    table.add_column("stretch", justify="right", no_wrap=True)
    for frame in timeline.frames:
        runs = (number for number, run in enumerate(timeline.stretches, 1) if run.start <= frame.time <= run.end)
        table.add_row(
            time_stamp(frame.time),
            str(frame.index),
            VERDICTS[frame.verdict],
            f"{frame.score:.4g}",
            f"{timeline.threshold:.4g}",
            f"{frame.p_value:.3g}",
            Text(printable(f"{class_names[frame.predicted]} {frame.confidence:.1%}")),
            str(next(runs, "")),
        )
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    if timeline.frames:
        console.print(table)
    for number, run in enumerate(timeline.stretches, 1):
        console.print(
            f"Stretch {number}: {time_stamp(run.start)} to {time_stamp(run.end)}, {run.frames} frames unlike, "
            f"smallest p {run.smallest_p:.3g}",
            highlight=False,
        )
    if timeline.frames and not timeline.stretches:
        console.print("No stretch stays unlike.", highlight=False)


def tell_account(timeline: "Timeline") -> None:
    """One line on stderr; results on stdout stay as they are."""
    typer.echo(f"Note: {printable(timeline.name)}: {timeline.account}", err=True)
