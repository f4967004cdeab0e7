"""The table of a record, as Markdown between two marks of a page and as the terminal shows it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.table import Table

from nero_core.errors import NeroError
from tests.bench.record import BUSY, Amount, Circumstances, Goal, Record, Row

BEGIN, END = "<!-- table of make bench -->", "<!-- end of the table -->"
HEAD = ("step", "this", "against", "ratio", "goal", "measured")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def markdown(record: Record) -> str:
    """The table, and below it the machines that the letters of its last column stand for."""
    places = _places(record.rows)
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    lines += [_line(_cells(row, places)) for row in record.rows]
    told = [
        f"{letter}: {place.machine}; {', '.join(f'{name} {version}' for name, version in place.versions.items())}."
        for place, letter in _legend(record.rows)
    ]
    busy = "† The machine was not idle when the row began: its ratio counts more than its seconds."
    return "\n".join([*lines, "", "  \n".join([*told, busy])])


def written_into(page: str, record: Record, pictures: Mapping[str, str] = MappingProxyType({})) -> str:
    """The page with this table in the place of the one that it had.

    Args:
        page: as it was.
        record: of the table.
        pictures: that follow it: a file beside the page, and what it shows.

    Raises:
        NeroError: the page lacks the marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NeroError(f"Expected the marks {BEGIN} and {END} in the page. Found none. Put them around its table.")
    parts = [BEGIN, markdown(record), *(f"![{shows}]({file})" for file, shows in pictures.items()), END]
    return before + "\n\n".join(parts) + after


def shown(rows: Sequence[Row]) -> Table:
    """The same for the terminal."""
    table, places = Table(*HEAD), _places(rows)
    for row in rows:
        table.add_row(*_cells(row, places))
    return table


def amount(given: Amount | None) -> str:
    """``44 ms``, ``0.734 s``, ``18.7 s``, ``1,096 MB``."""
    if given is None:
        return ""
    value, unit = given.value, given.unit
    if unit == "s" and abs(value) < 0.1:
        return f"{1000 * value:.3g} ms"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip().replace("-", "−")


def _cells(row: Row, places: dict[str, str]) -> list[str]:
    ratio = "" if row.ratio is None else f"1/{1 / row.ratio:.0f}" if row.ratio < 0.1 else f"{row.ratio:.2f}"
    at = row.at
    when = "" if at is None else f"{at.date} {places[_place(at)]}{' †' if (at.load or 0) > BUSY else ''}"
    return [row.step, row.note or amount(row.this), amount(row.against), ratio, _goal(row), when]


def _goal(row: Row) -> str:
    goal: Goal | None = row.goal
    if goal is None:
        return ""
    limit = f"{goal.limit:g}"
    if goal.is_for != "ratio":
        limit = f"{limit} {getattr(row, goal.is_for).unit}".strip()
    elif goal.limit < 0.1:
        limit = f"1/{1 / goal.limit:.0f}"
    return f"{goal.sign} {limit}{'' if row.is_met else ', missed'}"


def _place(at: Circumstances) -> str:
    return f"{at.machine} {sorted(at.versions.items())}"


def _legend(rows: Sequence[Row]) -> list[tuple[Circumstances, str]]:
    seen = {_place(row.at): row.at for row in reversed(rows) if row.at is not None}
    return list(zip(reversed(seen.values()), LETTERS, strict=False))


def _places(rows: Sequence[Row]) -> dict[str, str]:
    return {_place(at): letter for at, letter in _legend(rows)}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
