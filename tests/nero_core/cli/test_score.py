"""``nero score``."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

from nero_core.data.folders import read_folder
from nero_core.data.left_out import LeftOut
from nero_core.inspector import Inspector
from nero_core.models import Classifier
from nero_core.score_images import image_paths
from tests.nero_core.data.dicom_files import dicom

Run = Callable[..., Result]
KEYS = [
    "file", "sha256", "predicted", "confidence", "method", "score", "threshold", "is_ood", "verdict", "p_value",
    "smallest_p", "as_high", "calibration_size", "by_class", "tpr", "borderline", "sentence",
]  # fmt: skip

LEFT_OUT = "Note: images: {} images are read. Left out: 1 file of other kinds (.txt 1); 1 hidden.\n"


@pytest.fixture
def images(phantoms: Path, tmp_path: Path) -> Path:
    """A folder with three good images, one of them deeper, and files that are none."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    good = sorted((phantoms / "ood").glob("*/*.jpg"))[:3]
    shutil.copy(good[0], folder / "a.jpg")
    shutil.copy(good[1], folder / "c.jpg")
    shutil.copy(good[2], folder / "deep" / "d.jpg")
    (folder / "notes.txt").write_text("not an image, and not named like one")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def records(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_json_lines_have_exactly_these_keys_in_this_order(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, images, "--method", "nero", "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.stderr == LEFT_OUT.format(3)
    lines = records(result)
    assert [list(line) for line in lines] == [KEYS] * 3
    assert [Path(str(line["file"])).name for line in lines] == ["a.jpg", "c.jpg", "d.jpg"]
    for line in lines:
        assert line["sha256"] == hashlib.sha256(Path(str(line["file"])).read_bytes()).hexdigest()
        assert line["is_ood"] == (line["score"] > line["threshold"])


def test_scores_are_the_inspectors(nero: Run, tiny_bundle: Path, tiny_inspector: Inspector, images: Path):
    batch = tiny_inspector.decode([images / "a.jpg", images / "c.jpg"])
    detection = tiny_inspector.detect(batch, ("msp",), tpr=0.8)["msp"]
    lines = records(
        nero(
            *("score", tiny_bundle, images / "a.jpg", images / "c.jpg"),
            *("--method", "msp", "--tpr", 0.8, "--json", "--device", "cpu"),
        )
    )
    for index, line in enumerate(lines):
        assert line["method"] == "msp"
        assert line["score"] == pytest.approx(float(detection.score[index]), rel=1e-9)
        assert line["threshold"] == detection.threshold
        assert line["p_value"] == float(detection.p_value[index])
        assert line["confidence"] == pytest.approx(float(detection.confidence[index]))
        assert line["predicted"] == tiny_inspector.bundle.card.class_names[int(detection.predicted[index])]


def test_several_methods_give_a_line_each(nero: Run, tiny_bundle: Path, images: Path):
    result = nero(
        *("score", tiny_bundle, images / "a.jpg", images / "c.jpg", "--method", "msp", "--method", "nero"),
        *("--method", "msp", "--json", "--device", "cpu"),
    )
    assert [line["method"] for line in records(result)] == ["msp", "nero", "msp", "nero"]


def test_bad_files_are_told_and_do_not_stop_the_others(nero: Run, tiny_bundle: Path, images: Path):
    (images / "b.png").write_bytes(b"")
    (images / "deep" / "e.jpg").write_bytes(b"\x80\x04pickle?")
    result = nero("score", tiny_bundle, images, images / "gone.png", "--json", "--device", "cpu")
    assert result.exit_code == 1
    lines = records(result)
    assert [Path(str(line["file"])).name for line in lines] == ["a.jpg", "b.png", "c.jpg", "d.jpg", "e.jpg", "gone.png"]
    assert [list(line) == ["file", "error"] for line in lines] == [False, True, False, False, True, True]
    assert "empty file" in str(lines[1]["error"])
    assert "no such file" in str(lines[5]["error"])
    assert "Traceback" not in result.output


def test_batches_do_not_change_the_lines(nero: Run, tiny_bundle: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    (images / "b.png").write_bytes(b"")
    whole = records(nero("score", tiny_bundle, images, "--json", "--device", "cpu"))
    monkeypatch.setattr("nero_core.score_images.BATCH", 1)
    single = records(nero("score", tiny_bundle, images, "--json", "--device", "cpu"))
    assert [line["file"] for line in single] == [line["file"] for line in whole]
    for record, other in zip(single, whole, strict=True):
        assert record.keys() == other.keys()
        if "error" not in record:
            assert record["score"] == pytest.approx(other["score"], rel=1e-4)


def test_the_table_shows_scores_on_stdout_and_errors_on_stderr(
    nero: Run, tiny_bundle: Path, images: Path, monkeypatch: pytest.MonkeyPatch
):
    (images / "[red]b.png").write_bytes(b"")
    monkeypatch.chdir(images)
    result = nero("score", tiny_bundle, "a.jpg", "[red]b.png", "deep", "--device", "cpu")
    assert result.exit_code == 1
    for word in ("a.jpg", str(Path("deep", "d.jpg")), "p-value", "threshold", "nero", "normal-"):
        assert word in result.stdout
    assert "[red]b.png: expected a PNG" in result.stderr
    assert "[red]b.png" not in result.stdout


def test_a_folder_without_images_is_not_a_silent_success(nero: Run, tiny_bundle: Path, tmp_path: Path):
    result = nero("score", tiny_bundle, tmp_path, "--json", "--device", "cpu")
    assert result.exit_code == 1
    assert "found none in it" in str(records(result)[0]["error"])


def test_an_unknown_method_is_told_with_status_2_and_no_line(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, images, "--method", "nero", "--method", "oracle", "--json", "--device", "cpu")
    assert result.exit_code == 2
    assert "'oracle'" in result.stderr
    assert result.stdout == ""


def test_a_tpr_out_of_range_is_an_error_with_status_2(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, images, "--tpr", 1.5, "--device", "cpu")
    assert result.exit_code == 2
    assert "1.5" in result.stderr


def test_a_device_that_is_not_there_is_told_with_status_2(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, images, "--device", "cuda:99")
    assert result.exit_code == 2
    assert "cuda:99" in result.stderr


def test_an_altered_bundle_is_told_with_status_2(nero: Run, tiny_bundle: Path, images: Path, tmp_path: Path):
    copy = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, copy)
    with (copy / "banks.safetensors").open("ab") as file:
        file.write(b"!")
    result = nero("score", copy, images, "--json", "--device", "cpu")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "banks.safetensors" in result.stderr


def test_a_process_of_its_own_writes_json_on_stdout_and_nothing_else(
    nero_process: Callable[..., subprocess.CompletedProcess[str]], tiny_bundle: Path, images: Path
):
    (images / "b.png").write_bytes(b"")
    done = nero_process("score", tiny_bundle, images, "--method", "nero", "--json", "--device", "cpu")
    assert done.returncode == 1
    assert done.stderr == LEFT_OUT.format(4)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 4


def test_a_path_that_no_file_can_have_does_not_stop_the_others(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, "n" * 300, images / "a.jpg", "--json", "--device", "cpu")
    assert result.exit_code == 1
    first, second = records(result)
    assert "cannot be read (file name too long)" in str(first["error"])
    assert list(second) == KEYS


@pytest.mark.parametrize("locked", ["deep", "."])
def test_a_folder_that_cannot_be_read_is_told(
    nero: Run, tiny_bundle: Path, images: Path, monkeypatch: pytest.MonkeyPatch, locked: str
):
    plain, closed = os.scandir, images / locked  # root may read anything, so that chmod would not do

    def scandir(path: Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = nero("score", tiny_bundle, images, "--json", "--device", "cpu")
    assert result.exit_code == 1
    *good, bad = records(result)
    assert [Path(str(line["file"])).name for line in good] == (["a.jpg", "c.jpg"] if locked == "deep" else [])
    assert bad["file"] == str(closed)
    assert "one that cannot be read (permission denied)" in str(bad["error"])


def test_folders_are_given_in_order_and_empty_ones_themselves(images: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    paths = list(image_paths([empty, images, images / "a.jpg"]))
    assert paths == [empty, images / "a.jpg", images / "c.jpg", images / "deep" / "d.jpg", images / "a.jpg"]


@pytest.mark.parametrize("method", ["nero", "msp"])
def test_an_image_without_finite_features_fails_alone(
    nero: Run, tiny_bundle: Path, images: Path, monkeypatch: pytest.MonkeyPatch, method: str
):
    Image.new("RGB", (64, 64), "white").save(images / "b.png")
    plain = Classifier.features_and_stages

    def features(self: Classifier, pixels: torch.Tensor) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        white = pixels.flatten(1).min(dim=1).values == 1
        values, stages = plain(self, pixels)
        return values.masked_fill(white[:, None], torch.nan), stages

    monkeypatch.setattr(Classifier, "features_and_stages", features)
    result = nero("score", tiny_bundle, images, "--json", "--method", method, "--device", "cpu")
    assert result.exit_code == 1
    lines = records(result)
    assert [Path(str(line["file"])).name for line in lines] == ["a.jpg", "b.png", "c.jpg", "d.jpg"]
    assert [list(line) == KEYS for line in lines] == [True, False, True, True]
    assert list(lines[1]) == ["file", "error"]
    assert "b.png: Expected a finite" in str(lines[1]["error"]) or "b.png: Expected finite" in str(lines[1]["error"])


def test_what_decoding_did_is_told_on_stderr_beside_the_table_and_not_in_the_lines(
    nero: Run, tiny_bundle: Path, tmp_path: Path
):
    path = tmp_path / "pages.tif"
    pages = [Image.effect_noise((64, 64), spread).convert("RGB") for spread in (20, 40)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    table = nero("score", tiny_bundle, path, "--method", "nero", "--method", "msp", "--device", "cpu")
    assert table.exit_code == 0
    assert table.stderr.count("Note: First of 2 pages.") == 1
    assert "Note" not in table.stdout
    lines = nero("score", tiny_bundle, path, "--method", "nero", "--json", "--device", "cpu")
    assert [list(line) for line in records(lines)] == [KEYS]
    assert lines.stderr == ""


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_name_that_the_terminals_encoding_lacks_does_not_cost_the_table(
    nero_process: Callable[..., subprocess.CompletedProcess[str]], tiny_bundle: Path, images: Path, encoding: str
):
    shutil.copy(images / "a.jpg", images / "żółw.jpg")
    command = ("score", tiny_bundle, images, "--method", "nero", "--device", "cpu")
    done = nero_process(*command, env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("a.jpg", "c.jpg", "d.jpg", "\\u017c"))
    assert "4 images are read" in done.stderr


def test_score_and_class_folders_see_the_same_images(images: Path, tmp_path: Path):
    (images / "polyp" / "patient").mkdir(parents=True)
    shutil.copy(images / "a.jpg", images / "polyp" / "patient" / "1.jpg")
    (images / "linked").symlink_to(images / "deep")
    (images / "out").symlink_to(tmp_path)
    told: list[LeftOut] = []
    scored = [path for path in image_paths([images], told.append) if path.parent != images]
    assert scored == sorted(read_folder(images).paths)
    assert told[0].links == read_folder(images).left_out.links == 1


def test_a_line_of_the_verdict_adds_both_parts(nero: Run, verdict_bundle: Path, images: Path):
    (line,) = records(nero("score", verdict_bundle, images / "a.jpg", "--json", "--device", "cpu"))
    assert list(line) == [*KEYS, "parts"] and line["method"] == "verdict"
    assert list(line["parts"]) == ["nero", "nero_deep"]
    assert all(list(part) == ["score", "p_value"] for part in line["parts"].values())


def test_a_bundle_without_the_verdict_is_scored_by_nero_plus_and_says_why(nero: Run, tiny_bundle: Path, images: Path):
    result = nero("score", tiny_bundle, images / "a.jpg", "--json", "--device", "cpu")
    assert records(result)[0]["method"] == "nero_plus"
    assert "at least 59 calibration images" in result.stderr and "by nero_plus instead" in result.stderr


def test_what_the_page_calls_borderline_is_called_so(nero: Run, tiny_bundle: Path, phantoms: Path):
    """At a tpr of a half every accepted image has a p-value of at most twice the rejected share."""
    command = ("score", tiny_bundle, phantoms / "id", "--tpr", 0.5, "--device", "cpu")
    lines = records(nero(*command, "--json"))
    assert {line["verdict"] for line in lines} == {"borderline", "unlike"}
    assert all((line["verdict"] == "unlike") == line["is_ood"] for line in lines)
    table = nero(*command).stdout
    assert table.count(" borderline ") == sum(line["verdict"] == "borderline" for line in lines)
    assert table.count(" OOD ") == sum(line["verdict"] == "unlike" for line in lines)


@pytest.mark.parametrize("by_class", [False, True])
def test_a_line_holds_what_its_sentence_says(nero: Run, verdict_bundle: Path, phantoms: Path, by_class: bool):
    rates = ("--tpr", 0.9, "--borderline", 0.6, *(["--by-class"] if by_class else []))
    methods = ("--method", "verdict", "--method", "knn")
    result = nero("score", verdict_bundle, phantoms / "ood", "--json", "--device", "cpu", *rates, *methods)
    assert result.exit_code == 0, result.output
    words = re.compile(
        r"Of the (\d+) calibration images(?: that the classifier calls ([\w-]+))?, (\d+|none) (?:score|rank)s? as high "
        r"as this image.*?: p = \(1 \+ (\d+)\)/\((\d+) \+ 1\) = (\d\.\d+)[.,].*? At (\d+)\s% acceptance (.*)"
    )
    lines = records(result)
    assert len(lines) == 16
    for line in lines:
        read = words.fullmatch(str(line["sentence"]))
        assert read is not None, line["sentence"]
        n, count = int(read[1]), 0 if read[3] == "none" else int(read[3])
        assert (n, n, count, count) == (line["calibration_size"], int(read[5]), line["as_high"], int(read[4]))
        assert line["p_value"] == pytest.approx((1 + count) / (n + 1)) and line["p_value"] >= line["smallest_p"]
        assert float(read[6]) == pytest.approx(line["p_value"], rel=0.06)
        assert (read[2], line["by_class"]) == ((line["predicted"], True) if by_class else (None, False))
        assert (int(read[7]), line["borderline"]) == (90, 0.6) and line["tpr"] == 0.9
        unlike, borderline = line["p_value"] <= 0.1 + 1e-12, line["p_value"] <= 0.4 + 1e-12
        if line["threshold"] is None:  # the class has too few calibration images
            assert by_class and line["smallest_p"] > 0.1 and "too few to call any image unlike" in read[8]
            assert line["verdict"] == ("borderline" if borderline else "like")
        else:
            assert line["verdict"] == ("unlike" if unlike else "borderline" if borderline else "like")
            assert read[8].endswith(f"{line['verdict']}.")


def test_a_share_to_call_like_above_the_share_that_passes_is_an_error(nero: Run, tiny_bundle: Path, images: Path):
    for share, status in ((0.96, "the 95 % that should pass"), (1.2, "from 0 to below 1")):
        result = nero("score", tiny_bundle, images, "--borderline", share, "--device", "cpu")
        assert result.exit_code == 2 and status in " ".join(result.stderr.replace("│", " ").split())


def test_frames_of_dicom_files_are_images_and_files_without_a_suffix_are_found(
    nero: Run, tiny_bundle: Path, tmp_path: Path
):
    frames = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), dtype=np.uint8)
    (tmp_path / "loop.dcm").write_bytes(dicom(frames))
    (tmp_path / "IM000001").write_bytes(dicom(frames[0]))
    (tmp_path / "1.2.840.113").write_bytes(dicom(frames[1])[132:])  # without preamble
    (tmp_path / "DICOMDIR").write_bytes(dicom(frames[0]))
    (tmp_path / "README").write_bytes(b"no image")
    (tmp_path / "cut.dcm").write_bytes(dicom(frames)[:-9])
    result = nero("score", tiny_bundle, tmp_path, "--method", "nero", "--json")
    assert result.exit_code == 1
    lines = {Path(line["file"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    assert list(lines) == ["1.2.840.113", "IM000001", "cut.dcm", *(f"loop.dcm#frame {number}" for number in (1, 2, 3))]
    assert "cut off" in lines["cut.dcm"]["error"]
    assert lines["IM000001"]["score"] == pytest.approx(lines["loop.dcm#frame 1"]["score"], rel=1e-5)
    assert lines["1.2.840.113"]["score"] == pytest.approx(lines["loop.dcm#frame 2"]["score"], rel=1e-5)
    assert len({line["sha256"] for name, line in lines.items() if "sha256" in line}) == 5
    assert "2 files of other kinds (no suffix 2)" in result.stderr
    one = nero("score", tiny_bundle, tmp_path / "loop.dcm#frame 2", "--method", "nero", "--json")
    again = json.loads(one.stdout)
    assert (again["file"], again["sha256"]) == (str(tmp_path / "loop.dcm#frame 2"), lines["loop.dcm#frame 2"]["sha256"])
