"""``run_benchmark`` on folders of phantoms: refused, cached, resumed."""

import shutil
import zipfile
from pathlib import Path

import pytest
import torch

from nero_core.benchmark import cache as cache_module
from nero_core.benchmark.result_file import read_result
from nero_core.benchmark.run import default_out, run_benchmark
from nero_core.errors import CalibrationError, ImageError, NeroError
from nero_core.models.classifier import Classifier
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from nero_core.types import ImageBatch, Observation

FEW = ("msp", "nero")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ID and OOD phantoms that the tiny bundle has not seen."""
    folder = tmp_path_factory.mktemp("sets")
    write_phantoms(folder / "id", per_class=5, size=96, seed=21, classes=ID_CLASSES)
    write_phantoms(folder / "ood", per_class=6, size=96, seed=22, classes=("polyps", "ulcerative-colitis"))
    return folder


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Images in each forward pass over a set."""
    seen: list[int] = []
    real = Classifier.observe

    def counted(self: Classifier, batch: ImageBatch) -> Observation:
        seen.append(len(batch))
        return real(self, batch)

    monkeypatch.setattr(Classifier, "observe", counted)
    return seen


def test_folders_are_observed_once_compared_and_written(
    tiny_bundle: Path, sets: Path, tmp_path: Path, passes: list[int]
) -> None:
    told: dict[str, tuple[int, int]] = {}
    result = run_benchmark(
        tiny_bundle,
        sets / "id",
        sets / "ood",
        tmp_path / "out",
        methods=FEW,
        replicates=20,
        on_progress=lambda stage, done, total: told.update({stage: (done, total)}),
    )
    assert sum(passes) == 15 + 12
    assert told == {"digests": (27, 27), "ID images": (15, 15), "OOD images": (12, 12), "methods": (2, 2)}
    assert dict(result.id_classes) == dict.fromkeys(ID_CLASSES, 5)
    assert dict(result.ood_classes) == {"polyps": 6, "ulcerative-colitis": 6}
    assert (result.id_name, result.ood_name) == ("id", "ood")
    assert read_result(tmp_path / "out").methods[0].pooled == result.methods[0].pooled
    again = run_benchmark(tiny_bundle, sets / "id", sets / "ood", tmp_path / "out", methods=FEW, replicates=20)
    assert sum(passes) == 27
    for method, other in zip(again.methods, result.methods, strict=True):
        assert torch.equal(method.ood_scores, other.ood_scores)


def test_killed_in_the_middle_it_goes_on_from_its_cache(
    tiny_bundle: Path, sets: Path, tmp_path: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "PART", 4)

    def killed(stage: str, done: int, total: int) -> None:
        if stage == "OOD images" and done == 8:
            raise KeyboardInterrupt

    arguments = (tiny_bundle, sets / "id", sets / "ood", tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(*arguments, methods=FEW, replicates=20, on_progress=killed)
    assert not (tmp_path / "out" / "results.json").exists()
    before = sum(passes)
    assert before == 15 + 8
    resumed = run_benchmark(*arguments, methods=FEW, replicates=20)
    # the last part before the kill was reported while it was being observed, before it was kept
    assert sum(passes) - before == 12 - 4
    whole = run_benchmark(*arguments[:3], tmp_path / "fresh", methods=FEW, replicates=20)
    for method, other in zip(resumed.methods, whole.methods, strict=True):
        assert torch.equal(method.id_scores, other.id_scores)
        assert method.pooled == other.pooled


def test_an_altered_part_is_observed_again(tiny_bundle: Path, sets: Path, tmp_path: Path, passes: list[int]) -> None:
    arguments = (tiny_bundle, None, sets / "ood", tmp_path)
    first = run_benchmark(*arguments, methods=["msp"], replicates=20)
    features, stages = sorted((tmp_path / "cache").iterdir())
    assert stages.name.startswith("stages-")
    features.write_bytes(features.read_bytes()[:-1] + bytes([features.read_bytes()[-1] ^ 1]))
    again = run_benchmark(*arguments, methods=["msp"], replicates=20)
    assert sum(passes) == 24
    assert torch.equal(first.methods[0].ood_scores, again.methods[0].ood_scores)


def test_one_changed_image_costs_its_part_only(
    tiny_bundle: Path, sets: Path, tmp_path: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "PART", 4)
    shutil.copytree(sets / "ood", tmp_path / "ood")
    run_benchmark(tiny_bundle, None, tmp_path / "ood", tmp_path / "out", methods=["msp"], replicates=20)
    assert sum(passes) == 12
    last = sorted((tmp_path / "ood" / "ulcerative-colitis").iterdir())[-1]
    last.write_bytes(last.read_bytes() + b"\0")
    run_benchmark(tiny_bundle, None, tmp_path / "ood", tmp_path / "out", methods=["msp"], replicates=20)
    assert sum(passes) == 16


def test_a_method_that_needs_the_image_gets_its_second_pass_and_keeps_it(
    tiny_bundle: Path, sets: Path, tmp_path: Path
) -> None:
    arguments = (tiny_bundle, sets / "id", sets / "ood", tmp_path)
    result = run_benchmark(*arguments, methods=["odin", "msp"], replicates=20)
    assert {method.method for method in result.methods} == {"odin", "msp"}
    assert len([path for path in (tmp_path / "cache").iterdir() if path.name.startswith("odin-")]) == 2
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    again = run_benchmark(*arguments, methods=["odin", "msp"], replicates=20)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} == times
    assert again.methods[0].pooled == result.methods[0].pooled


def test_a_zip_is_read_as_the_folder_it_holds(tiny_bundle: Path, sets: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for path in sorted((sets / "ood").rglob("*.jpg")):
            archive.write(path, path.relative_to(sets / "ood"))
    from_zip = run_benchmark(tiny_bundle, None, tmp_path / "images.zip", tmp_path / "a", methods=["msp"], replicates=20)
    from_folder = run_benchmark(tiny_bundle, None, sets / "ood", tmp_path / "b", methods=["msp"], replicates=20)
    assert from_zip.ood_name == "images.zip"
    assert torch.equal(from_zip.methods[0].ood_scores, from_folder.methods[0].ood_scores)


def test_copies_count_once(tiny_bundle: Path, sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "ood", tmp_path / "ood")
    first = sorted((tmp_path / "ood" / "polyps").iterdir())[0]
    shutil.copy(first, first.with_name("zz-copy.jpg"))
    result = run_benchmark(tiny_bundle, None, tmp_path / "ood", tmp_path / "out", methods=["msp"], replicates=20)
    assert dict(result.ood_classes) == {"polyps": 6, "ulcerative-colitis": 6}


def test_bad_sets_are_refused_by_name_before_any_forward_pass(
    tiny_bundle: Path, sets: Path, phantoms: Path, tmp_path: Path, passes: list[int]
) -> None:
    empty, same, seen = tmp_path / "empty", tmp_path / "same", tmp_path / "seen"
    (empty / "polyps").mkdir(parents=True)
    copied = sorted((sets / "id" / ID_CLASSES[0]).iterdir())[0]
    (same / "polyps").mkdir(parents=True)
    shutil.copy(copied, same / "polyps")
    (seen / "polyps").mkdir(parents=True)
    shutil.copy(sorted((phantoms / "id" / ID_CLASSES[0]).iterdir())[0], seen / "polyps")
    cases: list[tuple[Path | None, Path | None, str]] = [
        (None, empty, "empty: expected a folder"),
        (None, tmp_path / "none", "none: expected"),
        (sets / "ood", None, "Found none of them: polyps, ulcerative-colitis"),
        (None, sets / "id", f"Found {ID_CLASSES[0]}"),
        (sets / "id", same, r"Found 1 in both sets \(first: "),
        (phantoms / "id", sets / "ood", "Expected ID images that training"),
        (None, seen, "Expected OOD images that training"),
    ]
    for id_images, ood_images, message in cases:
        with pytest.raises(NeroError, match=message):
            run_benchmark(tiny_bundle, id_images, ood_images, tmp_path / "out", methods=["msp"], replicates=20)
    assert passes == []
    assert not (tmp_path / "out" / "cache").exists()


def test_more_than_fits_is_refused_before_any_forward_pass(
    tiny_bundle: Path, sets: Path, tmp_path: Path, passes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (tiny_bundle, sets / "id", sets / "ood", tmp_path / "out")
    with pytest.raises(NeroError, match="resamples of 27 images"):
        run_benchmark(*arguments, methods=["msp"], replicates=10**9)
    monkeypatch.setattr("nero_core.benchmark.result_file.MAX_RESULT_BYTES", 100)
    with pytest.raises(NeroError, match="Found 27 scores"):
        run_benchmark(*arguments, methods=["msp"], replicates=20)
    assert passes == []


def test_the_strange_ones_among_known_classes_are_named(tiny_bundle: Path, sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "id", tmp_path / "id")
    shutil.copytree(sets / "ood" / "polyps", tmp_path / "id" / "polyps")
    with pytest.raises(CalibrationError, match="Found not all of them: polyps"):
        run_benchmark(tiny_bundle, tmp_path / "id", None, tmp_path / "out", methods=["msp"])


def test_an_image_that_cannot_be_read_is_named(tiny_bundle: Path, sets: Path, tmp_path: Path) -> None:
    shutil.copytree(sets / "ood", tmp_path / "ood")
    (tmp_path / "ood" / "polyps" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"polyps/broken\.png"):
        run_benchmark(tiny_bundle, None, tmp_path / "ood", tmp_path / "out", methods=["msp"])


def test_results_of_another_program_are_not_written_over(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(NeroError, match=r"Found results\.csv"):
        run_benchmark(tiny_bundle, out=tmp_path, methods=["msp"], replicates=20)
    assert (tmp_path / "results.csv").read_text() == "mine"
    (tmp_path / "file").write_text("")
    with pytest.raises(NeroError, match="Found a file"):
        run_benchmark(tiny_bundle, out=tmp_path / "file", methods=["msp"], replicates=20)


def test_the_default_folder_bears_the_name_of_the_bundle(tiny_bundle: Path) -> None:
    assert default_out(tiny_bundle) == Path("tiny-benchmark")
    assert default_out(tiny_bundle / ".") == Path("tiny-benchmark")
