"""The table that ``nero score`` prints for people."""

import sys
from math import isfinite
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nero_core.cli.terminal import VERDICTS, printable

FILE_WIDTH = 160  # columns of a table that goes to a file, where no terminal sets a width


class ScoreTable:
    """Rows as they come, printed once at the end, since the columns' widths depend on all of them."""

    def __init__(self) -> None:
        self._table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        self._table.add_column("file", overflow="fold", min_width=12)
        self._table.add_column("", no_wrap=True)
        for name in ("score", "threshold", "p-value"):
            self._table.add_column(name, justify="right", no_wrap=True)
        self._table.add_column("method", no_wrap=True)
        self._table.add_column("predicted", overflow="fold")
        self._remarks: list[Text] = []

    def add(self, record: dict[str, Any]) -> None:
        """Add one record of ``score_records``."""
        if "error" in record:
            reason = record["error"].removeprefix(f"{Path(record['file']).name}: ")
            self._remark(record["file"], reason)
            return
        self._table.add_row(
            _shown(record["file"]),
            VERDICTS[record["verdict"]],
            f"{record['score']:.4g}",
            f"{record['threshold']:.4g}" if isfinite(record["threshold"]) else "none",
            f"{record['p_value']:.3g}",
            record["method"],
            _shown(f"{record['predicted']} {record['confidence']:.1%}"),
        )

    def note(self, file: str, note: str) -> None:
        """Add what decoding this file did that a reader should know."""
        self._remark(file, f"Note: {note}")

    def print(self) -> None:
        """Scores on stdout, then on stderr the notes and the files that could not be scored, in the order they came."""
        if self._table.row_count:
            Console(width=None if sys.stdout.isatty() else FILE_WIDTH).print(self._table)
        for remark in self._remarks:
            Console(stderr=True, soft_wrap=True).print(remark)

    def _remark(self, file: str, text: str) -> None:
        self._remarks.append(_shown(file) + ": " + _shown(text))


def _shown(text: str) -> Text:
    """Without markup, and without characters that would steer the terminal."""
    return Text(printable(text))
