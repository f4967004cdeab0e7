"""A progress bar on stderr, none when stderr is not a terminal; and the same as a file, for another program to read."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

Advance = Callable[[str, int, int], None]
ProgressFile = Annotated[
    Path | None, typer.Option("--progress", help="File to append progress to, as JSON lines, for another program.")
]

MOMENT = 0.2  # seconds between two lines of one stage: a reader polls no faster, and the file stays small


@contextmanager
def progress_bar(show: bool = True, file: Path | None = None) -> Iterator[Advance]:
    """Gives a function to tell (stage, done, total); each stage has its own line.

    Args:
        show: draw a bar where stderr is a terminal.
        file: append ``{"stage": …, "done": …, "total": …}`` to it, one object a line, and at the end
            ``{"finished": true}`` or ``{"error": message}``.

    Raises:
        OSError: the file cannot be written.
    """
    with ExitStack() as stack:
        tell = stack.enter_context(_bar(show))
        write = None if file is None else stack.enter_context(_lines(file))

        def advance(stage: str, done: int, total: int) -> None:
            tell(stage, done, total)
            if write is not None:
                write(stage, done, total)

        yield advance


@contextmanager
def _bar(show: bool) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns,
        console=console,
        disable=not (show and sys.stderr.isatty()),
        redirect_stdout=sys.stdout.isatty(),  # else rich would send `nero score --json > file` to the terminal
    ) as progress:
        tasks = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield advance


@contextmanager
def _lines(path: Path) -> Iterator[Advance]:
    with path.open("a", encoding="utf-8") as file:
        last: tuple[str, float] = ("", 0.0)

        def advance(stage: str, done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if stage != last[0] or done >= total or now - last[1] >= MOMENT:
                last = (stage, now)
                _write(file, {"stage": stage, "done": done, "total": total})

        try:
            yield advance
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, and SIGTERM as main turns it
            _write(file, {"error": "Stopped."})
            raise
        except BaseException as error:
            _write(file, {"error": str(error) or type(error).__name__})
            raise
        _write(file, {"finished": True})


def _write(file: TextIO, record: dict[str, object]) -> None:
    file.write(json.dumps(record) + "\n")
    file.flush()  # whoever reads it reads it now
