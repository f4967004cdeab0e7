"""``results.json``, written and read."""

import hashlib
import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from nero_core.benchmark import result_file
from nero_core.benchmark.compare import compare_banks
from nero_core.benchmark.records import BenchmarkResult
from nero_core.benchmark.result_file import is_result, read_result, write_result
from nero_core.errors import NeroError
from nero_core.inspector import Inspector

OLDER = Path(__file__).parents[2] / "golden" / "results_v1.json"


@pytest.fixture(scope="module")
def result(tiny_inspector: Inspector) -> BenchmarkResult:
    return compare_banks(tiny_inspector, methods=["msp", "nero", "odin", "energy"], replicates=20)


@pytest.fixture
def written(result: BenchmarkResult, tmp_path: Path) -> Path:
    write_result(result, tmp_path / "results.json")
    return tmp_path / "results.json"


def test_what_was_written_is_read_to_the_last_bit(result: BenchmarkResult, written: Path) -> None:
    for loaded in (read_result(written), read_result(written.parent)):
        assert [method.method for method in loaded.methods] == [method.method for method in result.methods]
        for method, other in zip(loaded.methods, result.methods, strict=True):
            assert torch.equal(method.id_scores, other.id_scores)
            assert torch.equal(method.ood_scores, other.ood_scores)
            assert (method.pooled, dict(method.per_class), method.rank) == (
                other.pooled,
                dict(other.per_class),
                other.rank,
            )
        assert torch.equal(loaded.ood_labels, result.ood_labels)
        assert (loaded.id_accuracy, loaded.skipped, loaded.made_with) == (
            result.id_accuracy,
            result.skipped,
            result.made_with,
        )


def test_the_same_result_is_the_same_file(result: BenchmarkResult, written: Path, tmp_path: Path) -> None:
    write_result(read_result(written), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == written.read_bytes()


def test_a_file_of_version_0_1_0_loads_and_is_written_again_byte_for_byte(tmp_path: Path) -> None:
    loaded = read_result(OLDER)
    assert [part.method for part in loaded.skipped] == ["vim"]
    write_result(loaded, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == OLDER.read_bytes()


def test_a_result_cannot_change(result: BenchmarkResult, written: Path) -> None:
    for each in (result, read_result(written)):
        with pytest.raises(FrozenInstanceError):
            each.seed = 1  # type: ignore[misc]
        with pytest.raises(TypeError):
            each.id_classes["another"] = 1  # type: ignore[index]
        with pytest.raises(TypeError):
            each.methods[0].hyper["k"] = 1  # type: ignore[index]


def test_parts_that_do_not_fit_together_make_no_result(result: BenchmarkResult) -> None:
    with pytest.raises(ValidationError, match="ranks are not"):
        replace(result, methods=result.methods[::-1])


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
        "none": lambda: content.update(methods=[]),
        "turned": lambda: first["pooled"]["aupr_in"].update(low=0.9, high=0.1),
        "rank": lambda: first.update(rank=2),
        "order": lambda: content["methods"].reverse(),
        "twice": lambda: content["methods"].append(content["methods"][-1]),
        "setting": lambda: first.update(hyper={"k": [1, 2]}),
        "text": lambda: first.update(rank="1"),
        "yes": lambda: first["pooled"]["auroc"].update(value=True),
        "nan": lambda: first["id_scores"].__setitem__(1, float("nan")),
        "beyond": lambda: first["ood_scores"].__setitem__(2, 10**400),
        "huge": lambda: content["ood_labels"].__setitem__(1, 10**30),
        "row": lambda: first["id_scores"].__setitem__(0, [0.5]),
        "digest": lambda: content.update(digest=None),
    }
    changes[kind]()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("title", "damaged or edited"),
        ("scores", "not one score"),
        ("share", "less than or equal to 1"),
        ("label", "OOD label 99"),
        ("class", "other OOD classes"),
        ("more", "surprise"),
        ("less", "methods"),
        ("version", "schema version 99"),
        ("kind", "another kind"),
        ("none", "at least 1"),
        ("turned", "low end is above"),
        ("rank", "ranks are not"),
        ("order", "ranks are not"),
        ("twice", "a method twice"),
        ("setting", "hyper"),
        ("text", r"methods\.0\.rank: Input should be a valid integer"),
        ("yes", r"methods\.0\.pooled\.auroc\.value: Input should be a valid number"),
        ("nan", r"methods\.0\.id_scores\.1: Input should be a finite number"),
        ("beyond", r"methods\.0\.ood_scores\.2: Input should be a valid number"),
        ("huge", r"ood_labels\.1: Input should be less than 2147483648"),
        ("row", r"methods\.0\.id_scores\.0: Input should be a valid number"),
        ("digest", "damaged or edited"),
    ],
)
def test_an_altered_file_is_refused_by_what_is_wrong(written: Path, kind: str, message: str) -> None:
    content = json.loads(written.read_text())
    altered(content, kind)
    written.write_text(json.dumps(content))
    with pytest.raises(NeroError, match=message):
        read_result(written)


def with_digest(content: dict[str, Any]) -> str:
    rest = {name: value for name, value in content.items() if name != "digest"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return json.dumps({**rest, "digest": digest})


@pytest.mark.parametrize("name", ["auroc", "fpr95_id_positive", "fpr95_ood_positive"])
def test_a_figure_that_is_not_that_of_the_scores_is_refused_whatever_the_digest(written: Path, name: str) -> None:
    content = json.loads(written.read_text())
    last = content["methods"][-1]["pooled"][name]
    written.write_text(with_digest(content))
    assert read_result(written).methods
    last["value"] = last["value"] - 1e-6 if last["value"] > 0.5 or name == "auroc" else last["value"] + 1e-6
    written.write_text(with_digest(content))
    with pytest.raises(NeroError, match=f"another {name} than that of its scores"):
        read_result(written)


def test_scores_that_do_not_give_the_figures_are_refused_whatever_the_digest(written: Path) -> None:
    content = json.loads(written.read_text())
    scores = content["methods"][0]["id_scores"]
    scores[scores.index(max(scores))] = min(content["methods"][0]["ood_scores"]) - 1
    scores[scores.index(min(scores))] = max(content["methods"][0]["ood_scores"]) + 1
    content["methods"][0]["id_scores"] = [value + 1e6 for value in scores]
    written.write_text(with_digest(content))
    with pytest.raises(NeroError, match="another auroc"):
        read_result(written)


def test_a_file_beyond_the_bound_is_neither_written_nor_read(
    result: BenchmarkResult, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = written.stat().st_size
    monkeypatch.setattr(result_file, "MAX_RESULT_BYTES", size)
    assert read_result(written).methods
    monkeypatch.setattr(result_file, "MAX_RESULT_BYTES", size - 1)
    with pytest.raises(NeroError, match="Found more than"):
        read_result(written)
    with pytest.raises(NeroError, match=f"a result of {size} bytes"):
        write_result(result, tmp_path / "large.json")
    assert not (tmp_path / "large.json").exists()


def test_a_result_that_would_be_too_large_is_known_beforehand() -> None:
    result_file.check_size(70_000, 29)
    with pytest.raises(NeroError, match="Found 29000000 scores"):
        result_file.check_size(1_000_000, 29)


def test_no_score_takes_more_room_than_is_counted(result: BenchmarkResult, tmp_path: Path) -> None:
    method = result.methods[0]
    long = torch.full_like(method.id_scores, -2.2250738585072014e-308)
    write_result(replace(result, methods=(replace(method, id_scores=long),)), tmp_path / "long.json")
    line = next(line for line in (tmp_path / "long.json").read_text().splitlines() if "e-308" in line)
    assert len(line) + 1 <= result_file.SCORE_BYTES


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
