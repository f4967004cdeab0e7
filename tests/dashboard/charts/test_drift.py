"""Weeks of a bundle to a chart, its table and its sentences."""

from datetime import date, timedelta

from dashboard import words
from dashboard.charts import class_counts_table, drift_plot, drift_table
from dashboard.theme import DARK, OOD
from nero_core.worklist import ClassCounts, Quality, Week

UNIFORM, LOW = (0.1, 0.25, 0.5, 0.75, 0.9), (0.01, 0.02, 0.05, 0.1, 0.2)
MONDAY = date(2026, 3, 2)


def week(place: int, quantiles: tuple[float, ...] = UNIFORM, p: float | None = 0.6) -> Week:
    few = p is None
    return Week(
        40, 4, 3, 1, 0, MONDAY + timedelta(weeks=place), 3 if few else 39, quantiles, None if few else 0.1, p, p
    )


FOUND = Quality(
    120, 12, 9, 3, 2, "b" * 64, 52, (ClassCounts(120, 12, 9, 3, 2, "=polyps"),),
    (week(0), week(1, p=None), week(2, LOW, 1e-4)),
)  # fmt: skip


def test_each_kind_of_week_has_a_symbol_and_its_median_and_quartiles_stand_where_they_are():
    points = {trace.name: trace for trace in drift_plot(FOUND, DARK).data if trace.mode == "markers"}
    assert set(points) == {"moved (1)", "as expected (1)", "too few to test (1)"}
    moved = points["moved (1)"]
    assert (list(moved.y), moved.marker.color, moved.marker.symbol) == ([0.05], OOD, "square")
    thick = [trace for trace in drift_plot(FOUND, DARK).data if trace.mode == "lines" and trace.line.width == 6]
    assert [list(trace.y[:2]) for trace in thick] == [[0.02, 0.1], [0.25, 0.75], [0.25, 0.75]]


def test_the_tables_hold_every_week_and_every_class():
    table = drift_table(FOUND)
    assert table["week from"] == ["2026-03-02", "2026-03-09", "2026-03-16"]
    assert table["test"] == ["as expected", "too few to test", "moved"]
    assert table["KS p-value"] == [0.6, None, 1e-4] and table["p median"] == [0.5, 0.5, 0.05]
    classes = class_counts_table(FOUND)
    assert classes["share overridden"] == [0.25] and classes["share unlike"] == [0.1]


def test_the_sentences_say_what_moved_and_which_weeks_were_not_tested():
    assert words.quality.standing(FOUND).replace("\u202f", " ").replace("\xa0", " ") == (
        "120 images scored, 12 of them unlike (10 %). 12 reviewed, 3 overridden (25 %); 2 wait for a second look."
    )
    said = words.quality.drift(FOUND)
    assert said.startswith("Moved: the week from 2026-03-16. Its images are more unlike the calibration images")
    assert said.endswith("1 of 3 weeks have too few images for a test.")
    assert "too few different images" in words.quality.week(FOUND.weeks[1])
    assert "adjusted for all weeks 1" in words.quality.week(FOUND.weeks[2])
