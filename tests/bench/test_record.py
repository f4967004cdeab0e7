"""The record of runs: what a partial run replaces, and the page that is written from it."""

from pathlib import Path

import pytest

from nero_core.errors import NeroError
from tests.bench.__main__ import DOCS, KEPT, chosen, write_page
from tests.bench.growth import exponent
from tests.bench.plots import GROWTH, RATIOS
from tests.bench.record import Amount, Circumstances, Goal, Record, Row, read_record, single, timed, write_record
from tests.bench.steps import STEPS
from tests.bench.table import BEGIN, END, amount, markdown, written_into

ORDER = ("one", "two", "three")


def row(name: str, date: str, ratio: float = 1.03, load: float = 0.1, machine: str = "small, 2 cores") -> Row:
    at = Circumstances(date=date, machine=machine, versions={"torch": "2.15.0"}, load=load)
    return timed(f"step {name} ÷ other", (0.734, 0.0713, ratio), 1.1).model_copy(update={"name": name, "at": at})


def test_a_partial_run_replaces_its_own_rows_alone() -> None:
    first = Record().with_rows([row("three", "2026-01-01"), row("one", "2026-01-01"), row("one", "2026-01-01")], ORDER)
    second = first.with_rows([row("one", "2026-02-02"), row("two", "2026-02-02")], ORDER)
    told = [(each.name, each.at.date) for each in second.rows]
    assert told == [("one", "2026-02-02"), ("two", "2026-02-02"), ("three", "2026-01-01")]
    assert [each.name for each in second.with_rows([], ("three",)).rows] == ["three"]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    assert read_record(path) == Record()
    record = Record(rows=(row("one", "2026-01-01"), single("two", 3.0, 2, against=1.0)))
    write_record(record, path)
    assert read_record(path) == record
    path.write_text('{"rows": [{"stride": 1}]}')
    with pytest.raises(NeroError, match=r"Expected rows of make bench in bench.json\. Found 2 errors"):
        read_record(path)


def test_the_table_says_day_machine_goal_and_load_of_each_row() -> None:
    rows = [
        row("one", "2026-01-01"),
        row("two", "2026-02-02", 1.4, load=3.0),
        row("three", "2026-02-03", machine="card"),
    ]
    lines = markdown(Record(rows=tuple(rows))).splitlines()
    assert lines[2] == "| step one ÷ other | 0.734 s | 71.3 ms | 1.03 | ≤ 1.1 | 2026-01-01 A |"
    assert lines[3] == "| step two ÷ other | 0.734 s | 71.3 ms | 1.40 | ≤ 1.1, missed | 2026-02-02 A † |"
    assert lines[4].endswith("| 2026-02-03 B |")
    assert [line[:8] for line in lines[6:8]] == ["A: small", "B: card;"]


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [
        (Goal(is_for="ratio", sign="≥", limit=0.85), False),
        (Goal(is_for="ratio", sign="≤", limit=0.85), True),
        (Goal(is_for="this", sign="≤", limit=2.5), False),
        (Goal(is_for="against", sign="≤", limit=9), True),
    ],
)
def test_a_goal_is_for_one_number_and_one_side(goal: Goal, is_met: bool) -> None:
    measured = Row(step="a", this=Amount(value=3), against=Amount(value=4), ratio=0.75, goal=goal)
    assert measured.is_met is is_met


def test_amounts_read_as_in_the_text() -> None:
    shown = [amount(Amount(value=value, unit=unit)) for value, unit in ((0.0041, "s"), (18.66, "s"), (1096.4, "MB"))]
    assert shown == ["4.1 ms", "18.7 s", "1,096 MB"]
    assert amount(Amount(value=-43.4, unit="MB")) == "−43.4 MB"


def test_time_that_grows_with_the_images_has_the_exponent_1() -> None:
    assert exponent([(1e3, 0.2), (1e4, 2.0), (1e5, 20.0)]) == pytest.approx(1)
    assert exponent([(1e3, 0.2), (1e4, 20.0)]) == pytest.approx(2)


def test_steps_are_chosen_by_name_in_the_order_of_the_table() -> None:
    assert chosen(["crp", "detect"]) == ["detect", "crp"]
    assert chosen(["all"]) == list(STEPS)
    assert set(STEPS) - set(chosen([])) == {"calibrate-all", "crowd", "uploads"}
    with pytest.raises(NeroError, match="Found 'detct'"):
        chosen(["detct"])


def test_the_page_gets_table_and_plots_between_its_marks(tmp_path: Path) -> None:
    rows, page = tmp_path / "bench.json", tmp_path / "performance.md"
    page.write_text(f"# Performance\n\n{BEGIN}\nold\n{END}\n\nprose\n", encoding="utf-8")
    with pytest.raises(NeroError, match="Measure first"):
        write_page(rows, tmp_path)
    grown = row("growth", "2026-01-01").model_copy(update={"series": ((1e3, 0.2, 0.0), (1e4, 2.1, 3.5))})
    write_record(Record(rows=(row("detect", "2026-01-01"), grown)), rows)
    write_page(rows, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Performance\n\n") and text.endswith("\n\nprose\n") and "old" not in text
    assert "step detect ÷ other" in text and f"]({RATIOS})" in text and f"]({GROWTH})" in text
    for name in (RATIOS, GROWTH):
        assert b"<svg" in (tmp_path / name).read_bytes()
    assert read_record(tmp_path / KEPT) == read_record(rows)
    with pytest.raises(NeroError, match="Expected the marks"):
        written_into("no place", Record())


@pytest.mark.skipif(not (DOCS / KEPT).exists(), reason="no run was written into the page yet")
def test_the_page_shows_the_rows_that_are_kept_beside_it() -> None:
    assert markdown(read_record(DOCS / KEPT)) in (DOCS / "performance.md").read_text(encoding="utf-8")
