"""``results.csv`` and ``results.md``."""

import csv
import io
from dataclasses import replace

import pytest

from nero_core.benchmark.records import BenchmarkResult, Interval
from nero_core.report.protocol import microseconds, percent, protocol
from nero_core.report.tables import csv_table, markdown


def test_csv_has_a_row_for_each_method_and_class_in_percent(result: BenchmarkResult) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(result))))
    assert len(rows) == len(result.methods) * (1 + len(result.ood_classes))
    first, best = rows[0], result.methods[0]
    assert (first["method"], first["ood"], first["rank"]) == (best.method, "pooled", "1")
    assert float(first["auroc"]) == pytest.approx(100 * best.pooled.auroc.value, abs=0.05)
    assert float(first["fpr95_id_positive_high"]) == pytest.approx(100 * best.pooled.fpr95_id_positive.high, abs=0.05)
    per_class = {row["ood_class"]: row for row in rows if row["method"] == best.method and row["ood"] == "class"}
    assert set(per_class) == set(result.ood_classes)
    for name, row in per_class.items():
        assert float(row["auroc"]) == pytest.approx(100 * best.per_class[name].auroc.value, abs=0.05)
        assert int(row["ood_images"]) == result.ood_classes[name]


def test_a_spreadsheet_computes_no_class_name(hostile: BenchmarkResult) -> None:
    cells = [row["ood_class"] for row in csv.DictReader(io.StringIO(csv_table(hostile)))]
    assert any(cell.startswith("'=") for cell in cells)
    assert not any(cell.startswith("=") for cell in cells)


def test_markdown_tables_stay_tables_whatever_a_class_is_called(hostile: BenchmarkResult) -> None:
    text = markdown(hostile)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = {line.replace("\\|", "").count("|") for line in tables}
    assert widths == {3 + 6 + 1, 1 + 2 + 1}
    assert "<script" not in text
    assert "<img" not in text
    assert "\n# a heading" not in text


def test_markdown_says_what_the_figures_mean_and_how_they_came_to_be(result: BenchmarkResult) -> None:
    text = markdown(result)
    for expected in ("accepts 95 % of the ID images", "rejects 95 % of the OOD images", result.bundle_digest, "seed 0"):
        assert expected in text
    for method in result.methods:
        assert percent(method.pooled.auroc) in text


def test_the_protocol_claims_no_more_than_is_so(result: BenchmarkResult) -> None:
    words = dict(protocol(result))
    assert "settings in the catalog" in words["Fit"]
    assert "No OOD image is used in any fit." in words["Fit"]
    assert "published" not in words["Fit"]
    assert "tuned" not in words["Fit"]
    assert "0 or 100 % can have an interval without width" in words["Intervals"]
    assert f"under 20 images are rough: {', '.join(result.ood_classes)}." in words["Intervals"]
    assert set(result.ood_classes.values()) == {4}
    many = replace(
        result,
        ood_classes=dict.fromkeys(result.ood_classes, 20),
        ood_labels=result.ood_labels.repeat(5),
        methods=tuple(replace(method, ood_scores=method.ood_scores.repeat(5)) for method in result.methods),
    )
    assert "rough" not in dict(protocol(many))["Intervals"]
    assert result.device in words["Time"]


def test_numbers_are_written_as_people_read_them() -> None:
    assert percent(Interval(0.76012, 0.7238, 0.79685)) == "76.0 (72.4–79.7)"
    assert [microseconds(value) for value in (None, 1.6342e-6, 192.4e-6, 0.0123)] == ["–", "1.63", "192", "12300"]
