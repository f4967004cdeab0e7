"""A progress bar on stderr; none when stderr is not a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[str, int, int], None]


@contextmanager
def progress_bar(show: bool = True) -> Iterator[Advance]:
    """Gives a function to tell (stage, done, total); each stage has its own line."""
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
