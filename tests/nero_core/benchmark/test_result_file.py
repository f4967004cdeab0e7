"""``results.json``, written and read."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from nero_core.benchmark.compare import compare_banks
from nero_core.benchmark.records import BenchmarkResult
from nero_core.benchmark.result_file import is_result, read_result, write_result
from nero_core.errors import NeroError
from nero_core.inspector import Inspector


@pytest.fixture(scope="module")
def result(tiny_bundle: Path) -> BenchmarkResult:
    return compare_banks(Inspector.load(tiny_bundle, "cpu"), methods=["msp", "nero", "odin"], replicates=20)


@pytest.fixture
def written(result: BenchmarkResult, tmp_path: Path) -> Path:
    write_result(result, tmp_path / "results.json")
    return tmp_path / "results.json"


def test_what_was_written_is_read_to_the_last_bit(result: BenchmarkResult, written: Path) -> None:
    for found in (read_result(written), read_result(written.parent)):
        assert [one.method for one in found.methods] == [one.method for one in result.methods]
        for one, other in zip(found.methods, result.methods, strict=True):
            assert torch.equal(one.id_scores, other.id_scores)
            assert torch.equal(one.ood_scores, other.ood_scores)
            assert (one.pooled, dict(one.per_class), one.rank) == (other.pooled, dict(other.per_class), other.rank)
        assert torch.equal(found.ood_labels, result.ood_labels)
        assert (found.id_accuracy, found.skipped, found.made_with) == (
            result.id_accuracy,
            result.skipped,
            result.made_with,
        )


def test_the_same_result_is_the_same_file(result: BenchmarkResult, written: Path, tmp_path: Path) -> None:
    write_result(read_result(written), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()


def altered(content: dict[str, Any], kind: str) -> None:
    first = content["methods"][0]
    changes = {
        "figure": lambda: first["pooled"]["auroc"].update(value=0.999),
        "score": lambda: first["id_scores"].__setitem__(0, 7.5),
        "title": lambda: content.update(bundle_title="Another"),
        "scores": lambda: first["id_scores"].pop(),
        "share": lambda: first["pooled"]["auroc"].update(value=1.5),
        "label": lambda: content["ood_labels"].__setitem__(0, 99),
        "class": lambda: first["per_class"].pop(next(iter(first["per_class"]))),
        "more": lambda: content.update(surprise=1),
        "less": lambda: content.pop("methods"),
        "version": lambda: content.update(schema_version=99),
        "kind": lambda: content.update(kind="another"),
    }
    changes[kind]()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("figure", "altered"),
        ("score", "altered"),
        ("title", "altered"),
        ("scores", "not one score"),
        ("share", "less than or equal to 1"),
        ("label", "OOD label 99"),
        ("class", "other OOD classes"),
        ("more", "surprise"),
        ("less", "methods"),
        ("version", "schema version 99"),
        ("kind", "another kind"),
    ],
)
def test_an_altered_file_is_refused_by_what_is_wrong(written: Path, kind: str, message: str) -> None:
    content = json.loads(written.read_text())
    altered(content, kind)
    written.write_text(json.dumps(content))
    with pytest.raises(NeroError, match=message):
        read_result(written)


@pytest.mark.parametrize("text", ["", "[1, 2", "[]", "null", "[" * 100_000, '{"kind": "nero benchmark"}'])
def test_anything_else_is_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(NeroError, match=r"Expected .* result of nero benchmark"):
        read_result(tmp_path)


def test_a_file_cut_short_is_refused(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-40])
    with pytest.raises(NeroError, match="cut short"):
        read_result(written)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NeroError, match="No such file"):
        read_result(tmp_path / "none.json")


def test_own_files_are_known_from_others(written: Path, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert is_result(written)
    assert not is_result(tmp_path / "other.json")
    assert not is_result(tmp_path / "none.json")
