"""The comparison that a bundle keeps: the same figures, fewer bytes, and of its own images alone."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from nero_core.benchmark import BenchmarkResult, add_comparison, compare_banks, stored_comparison, with_scores
from nero_core.benchmark.result_file import read_result, write_result
from nero_core.benchmark.stored import MAX_TEXT_BYTES
from nero_core.calibration import Bundle
from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
from nero_core.calibration.bundle_files import add_part
from nero_core.calibration.card import COMPARISON
from nero_core.errors import BundleError, CalibrationError, NeroError
from nero_core.inspector import Inspector


@pytest.fixture(scope="module")
def result(tiny_inspector: Inspector) -> BenchmarkResult:
    return compare_banks(tiny_inspector, replicates=20)


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))


@pytest.fixture
def bundle(folder: Path, result: BenchmarkResult) -> Bundle:
    return add_comparison(folder, result, device="cpu")


def test_the_figures_come_back_and_the_scores_stay_out(bundle: Bundle, result: BenchmarkResult, folder: Path) -> None:
    stored = stored_comparison(Bundle.load(folder))
    assert stored is not None and stored.bundle_digest == bundle.digest != result.bundle_digest
    assert stored.skipped == result.skipped and stored.ood_classes == result.ood_classes
    for method, other in zip(stored.methods, result.methods, strict=True):
        assert (method.method, method.rank, method.pooled) == (other.method, other.rank, other.pooled)
        assert dict(method.per_class) == dict(other.per_class)
        assert not method.has_scores and other.has_scores
        assert method.fit_seconds is method.seconds_per_image is None
    assert (folder / COMPARISON).stat().st_size < 1000 * len(result.methods)


def test_a_bundle_without_one_loads_as_before(loaded_tiny: Bundle) -> None:
    assert loaded_tiny.comparison is None and stored_comparison(loaded_tiny) is None


def test_all_else_of_the_bundle_stays_byte_for_byte(bundle: Bundle, loaded_tiny: Bundle, folder: Path) -> None:
    assert {name: digest for name, digest in bundle.card.files.items() if name != COMPARISON} == loaded_tiny.card.files
    assert bundle.card.model_copy(update={"files": {}}) == loaded_tiny.card.model_copy(update={"files": {}})
    assert torch.equal(bundle.fit.features, loaded_tiny.fit.features)
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_the_scores_of_the_chosen_methods_are_those_that_were_compared(bundle: Bundle, result: BenchmarkResult) -> None:
    stored = stored_comparison(bundle)
    assert stored is not None
    scored = with_scores(Inspector(bundle, torch.device("cpu")), stored, ["nero", "msp"])
    before = {method.method: method for method in result.methods}
    for method in scored.methods:
        assert method.has_scores == (method.method in ("nero", "msp"))
        if method.has_scores:
            torch.testing.assert_close(method.id_scores, before[method.method].id_scores)
            torch.testing.assert_close(method.ood_scores, before[method.method].ood_scores)


def test_what_has_its_scores_is_left_as_it_is(tiny_inspector: Inspector, result: BenchmarkResult) -> None:
    assert with_scores(tiny_inspector, result, ["nero"]) is result


def test_it_is_packed_replaced_and_unpacked_like_the_rest(bundle: Bundle, folder: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second over the first
        pack_bundle(folder, tmp_path / "a.nero.zip")
    unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "again")
    assert Bundle.load(tmp_path / "again").comparison == bundle.comparison


def test_it_is_made_where_none_is_given(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    bundle = add_comparison(folder, device="cpu", on_progress=lambda *each: told.append(each))
    assert add_comparison(folder, device="cpu").digest == bundle.digest  # equal images, equal bytes
    stored = stored_comparison(bundle)
    assert stored is not None and stored.replicates == 1000
    assert told[-1] == ("methods", len(stored.methods) + len(stored.skipped), told[-1][2])


def test_a_comparison_of_some_methods_or_of_other_images_is_not_kept(
    folder: Path, result: BenchmarkResult, referenced_bundle: Path, tiny_inspector: Inspector
) -> None:
    with pytest.raises(NeroError, match="Compare them all"):
        add_comparison(folder, compare_banks(tiny_inspector, methods=["nero"], replicates=20), device="cpu")
    with pytest.raises(BundleError, match="on other images"):
        add_comparison(folder, replace(result, ood_digest="0" * 64), device="cpu")
    with pytest.raises(CalibrationError, match="Expected OOD images"):
        add_comparison(referenced_bundle, device="cpu")
    assert not (folder / COMPARISON).exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"{", "no JSON"),
        (lambda content: b"[]", "another kind of file"),
        (lambda content: b" " * (MAX_TEXT_BYTES + 1) + b"[]", "or too much"),
        (lambda content: json.dumps({**content, "schema_version": 9}).encode(), "another version"),
        (lambda content: json.dumps({**content, "seed": "x"}).encode(), "in seed"),
        (lambda content: json.dumps({**content, "id_digest": "0" * 64}).encode(), "on other images"),
    ],
)
def test_a_file_that_is_no_such_comparison_is_refused(
    bundle: Bundle, spoil: Callable[[dict[str, Any]], bytes], message: str
) -> None:
    assert bundle.comparison is not None
    data = spoil(json.loads(gzip.decompress(bundle.comparison)))
    with pytest.raises(BundleError, match=message):
        stored_comparison(replace(bundle, comparison=gzip.compress(data)))
    with pytest.raises(BundleError, match="no JSON in gzip's form"):
        stored_comparison(replace(bundle, comparison=data))


def test_an_altered_file_is_found_when_the_bundle_is_loaded(bundle: Bundle, folder: Path) -> None:
    (folder / COMPARISON).write_bytes(b"{}")
    with pytest.raises(BundleError, match=f"for {COMPARISON}"):
        Bundle.load(folder)


def test_a_failure_leaves_the_bundle_as_it_was(
    folder: Path, loaded_tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", refuse)
    with pytest.raises(BundleError, match="No space left"):
        add_part(folder, COMPARISON, b"{}")
    assert Bundle.load(folder).digest == loaded_tiny.digest


def test_a_result_file_without_scores_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    stored = stored_comparison(bundle)
    assert stored is not None
    write_result(stored, tmp_path / "results.json")
    with pytest.raises(NeroError, match="Found no scores of"):
        read_result(tmp_path / "results.json")
