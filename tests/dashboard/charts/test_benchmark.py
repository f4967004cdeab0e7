"""Charts of a real comparison over the tiny bundle."""

import numpy as np
import pytest

from dashboard import charts, tables
from dashboard.pages.compare.benchmark_table import table
from dashboard.pages.compare.method_curves import first_choice
from dashboard.theme import DARK, LIGHT
from nero_core import BenchmarkResult

CHOSEN = ("nero", "knn", "msp")


def test_each_method_has_a_curve_of_its_own_dash_from_corner_to_corner(comparison: BenchmarkResult):
    figure = charts.roc_curves(comparison, CHOSEN, LIGHT)
    guessing, *curves = figure.data
    assert list(guessing.x) == [0, 100]
    assert len(curves) == 3
    assert len({curve.line.dash for curve in curves}) == len({curve.line.color for curve in curves}) == 3
    for curve in curves:
        for side in (curve.x, curve.y):
            assert side[0] == 0 and side[-1] == 100
            assert np.all(np.diff(side) >= 0)


def test_the_area_under_the_drawn_curve_is_the_auroc_in_the_table(comparison: BenchmarkResult):
    _, *curves = charts.roc_curves(comparison, CHOSEN, LIGHT).data
    for curve, name in zip(curves, CHOSEN, strict=True):
        method = next(method for method in comparison.methods if method.method == name)
        assert np.trapezoid(curve.y, curve.x) / 1e4 == pytest.approx(method.pooled.auroc.value, abs=0.005)
        assert f"{100 * method.pooled.auroc.value:.1f}" in curve.name


def test_a_long_curve_is_thinned_and_keeps_its_ends(monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult):
    monkeypatch.setattr("dashboard.charts.benchmark._POINTS", 5)
    _, curve = charts.roc_curves(comparison, ("nero",), LIGHT).data
    assert len(curve.x) == 5
    assert (curve.x[-1], curve.y[-1]) == (100, 100)


def test_each_method_has_its_own_axis_and_its_own_threshold(comparison: BenchmarkResult):
    limits = {"nero": 1.0, "knn": 0.2}
    figure = charts.method_histograms(comparison, CHOSEN, limits, DARK)
    assert len(figure.data) == 6
    assert [shape.x0 for shape in figure.layout.shapes] == [1.0, 0.2]
    assert {trace.xaxis for trace in figure.data} == {"x", "x2", "x3"}
    assert [note.text for note in figure.layout.annotations] == ["<b>NERO</b>", "<b>knn</b>", "<b>msp</b>"]
    for trace in figure.data:
        assert sum(trace.y) == pytest.approx(100)


def test_at_most_six_methods_are_drawn_and_unknown_ones_are_not(comparison: BenchmarkResult):
    every = [method.method for method in comparison.methods]
    assert len(charts.roc_curves(comparison, every, LIGHT).data) == 1 + charts.MOST_METHODS
    assert len(charts.roc_curves(comparison, ("nowhere",), LIGHT).data) == 1
    assert len(charts.method_histograms(comparison, ("nowhere",), {}, LIGHT).data) == 0


def test_the_heat_table_holds_every_method_on_every_class(comparison: BenchmarkResult):
    (heat,) = charts.class_heat(comparison, LIGHT).data
    assert list(heat.x) == ["esophagitis", "polyps"]
    assert len(heat.y) == len(comparison.methods)
    first = comparison.methods[0]
    assert heat.z[0][1] == pytest.approx(100 * first.per_class["polyps"].auroc.value)
    shown = charts.class_table(comparison)
    assert list(shown) == ["method", "esophagitis (4)", "polyps (4)"]


def test_the_first_choice_is_nero_and_the_two_best_of_the_others(comparison: BenchmarkResult):
    first, *others = first_choice(comparison)
    assert first == "nero"
    assert others == [method.method for method in comparison.methods if method.method != "nero"][:2]


def test_the_page_and_the_csv_hold_a_row_for_each_method(comparison: BenchmarkResult):
    shown = table(comparison)
    assert len({len(column) for column in shown.values()}) == 1
    assert shown["rank"] == sorted(shown["rank"])
    assert all(0 <= value <= 100 for value in shown["auroc"])
    lines = tables.csv_text(tables.result_table(comparison)).splitlines()
    assert lines[0].startswith("rank,method,family,ood,id_images,ood_images,auroc,auroc_low,auroc_high")
    assert len(lines) == 1 + 3 * len(comparison.methods)


def test_a_spreadsheet_computes_no_hostile_name():
    text = tables.csv_text({"=name": ["=1+1", "+x", "-x", "@x", "\tx", "plain", 'a "b", c'], "value": [-1.5] * 7})
    assert text.splitlines()[0] == "'=name,value"
    for line in text.splitlines()[1:6]:
        assert line.startswith("'")
        assert line.endswith(",-1.5")
    assert "plain,-1.5" in text
    assert '"a ""b"", c",-1.5' in text
