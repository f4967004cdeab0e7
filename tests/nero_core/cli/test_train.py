"""``nero train`` and ``nero calibrate``."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nero_core.benchmark import stored_comparison
from nero_core.calibration import Bundle
from nero_core.models import load_checkpoint

Run = Callable[..., Result]
SMALL = ("--arch", "test_resnet", "--size", 32, "--batch-size", 16, "--epochs", 2, "--device", "cpu")


def test_train_writes_a_checkpoint_and_tells_each_epoch(nero: Run, phantoms: Path, tmp_path: Path):
    out = tmp_path / "run"
    result = nero("train", phantoms / "id", "--out", out, *SMALL, "--lr", "1e-3", "--schedule", "constant")
    assert result.exit_code == 0, result.output
    assert "epoch 1/2: loss" in result.stdout
    held_out = load_checkpoint(out)[1].training.settings["validation_images"]
    assert 0 < held_out < 24
    assert (
        f"test_resnet with 3 classes, trained on 48 images (of which {held_out} for validation), validation accuracy"
        in result.stdout
    )
    assert result.stderr == ""
    card = load_checkpoint(out)[1]
    assert (card.training.settings["schedule"], card.training.settings["augment"]) == ("constant", "light")
    again = nero("train", phantoms / "id", "--out", out, *SMALL, "--lr", "1e-3", "--schedule", "constant")
    assert again.exit_code == 0
    assert "epoch" not in again.stdout
    other = nero("train", phantoms / "id", "--out", out, *SMALL, "--seed", 4)
    assert other.exit_code == 2
    assert "--restart" in other.stderr
    anew = nero(
        "train",
        phantoms / "id",
        "--out",
        out,
        *SMALL,
        "--seed",
        4,
        "--restart",
        "--classes",
        "normal-z-line,normal-cecum",
    )
    assert anew.exit_code == 0, anew.output
    assert load_checkpoint(out)[1].classes == ("normal-z-line", "normal-cecum")


def test_train_on_an_empty_folder_is_told_with_status_2(nero: Run, tmp_path: Path):
    result = nero("train", tmp_path, "--out", tmp_path / "run", *SMALL)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "found none that holds images" in result.stderr


def test_calibrate_writes_a_bundle_and_tells_its_sizes(
    nero: Run, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path
):
    result = nero(
        *("calibrate", tiny_checkpoint, phantoms / "id", "--out", tmp_path / "bundle", "--ood", phantoms / "ood"),
        *("--allow-reduced-rank", "--device", "cpu", "--seed", 5, "--title", "Mine", "--synthetic", "--note", "Drawn."),
        "--no-references",
    )
    assert result.exit_code == 0, result.output
    assert "Mine: " in result.stdout
    card = json.loads((tmp_path / "bundle" / "bundle.json").read_text())
    assert (card["title"], card["seed"], card["synthetic"], card["notes"]) == ("Mine", 5, True, ["Drawn."])
    assert "references.safetensors" not in card["files"]
    bundle = Bundle.load(tmp_path / "bundle")
    assert bundle.ood is not None and all(map(bundle.has_thumbnail, (*bundle.calibration.ids, *bundle.ood.ids)))
    stored = stored_comparison(bundle)
    assert stored is not None and stored.ood_size == card["counts"]["ood"]
    assert f"{card['counts']['calibration']} calibration and {card['counts']['ood']} OOD images" in result.stdout


@pytest.mark.parametrize("without", ["--no-comparison", "OOD images"])
def test_calibrate_makes_no_comparison_where_none_is_wanted_or_possible(
    nero: Run, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path, without: str
):
    more = ("--ood", phantoms / "ood", without) if without.startswith("--") else ()
    result = nero(
        *("calibrate", tiny_checkpoint, phantoms / "id", "--out", tmp_path / "bundle", "--allow-reduced-rank"),
        *("--device", "cpu", "--no-references", "--no-patches", "--no-quiz-images", *more),
    )
    assert result.exit_code == 0, result.output
    assert "comparison.json.gz" not in json.loads((tmp_path / "bundle" / "bundle.json").read_text())["files"]
    assert not any(
        map(Bundle.load(tmp_path / "bundle").has_thumbnail, Bundle.load(tmp_path / "bundle").calibration.ids)
    )


def test_calibrate_with_too_few_images_names_the_option_that_goes_on(
    nero: Run, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path
):
    result = nero("calibrate", tiny_checkpoint, phantoms / "id", "--out", tmp_path / "bundle", "--device", "cpu")
    assert result.exit_code == 2
    assert "--allow-reduced-rank" in result.stderr
    assert not (tmp_path / "bundle" / "bundle.json").exists()


def test_calibrate_without_a_checkpoint_is_told_with_status_2(nero: Run, phantoms: Path, tmp_path: Path):
    result = nero("calibrate", tmp_path, phantoms / "id", "--out", tmp_path / "bundle")
    assert result.exit_code == 2
    assert "Expected a checkpoint folder" in result.stderr


@pytest.mark.parametrize("tpr", [0.4, 1, "nan"])
def test_a_tpr_that_makes_no_sense_is_an_error_before_anything_is_read(nero: Run, tmp_path: Path, tpr: object):
    result = nero("calibrate", tmp_path / "none", tmp_path / "none", "--out", tmp_path / "bundle", "--tpr", tpr)
    assert result.exit_code == 2
    assert "--tpr" in result.stderr


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_torch_cannot_take_is_told_with_status_2(nero: Run, tmp_path: Path, seed: int):
    result = nero("train", tmp_path / "none", "--out", tmp_path / "run", *SMALL, "--seed", seed)
    assert result.exit_code == 2
    assert "--seed" in result.stderr


def test_calibrate_takes_zips_as_it_takes_folders_and_tells_its_progress(
    nero: Run, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path
):
    zips = {name: shutil.make_archive(str(tmp_path / name), "zip", phantoms / name) for name in ("id", "ood")}
    shared = ("--allow-reduced-rank", "--device", "cpu", "--title", "One", "--no-references")
    from_zip, from_folder = tmp_path / "from zip", tmp_path / "from folder"
    progress = tmp_path / "progress.jsonl"
    done = nero(
        *("calibrate", tiny_checkpoint, zips["id"], "--ood", zips["ood"], "--out", from_zip, *shared),
        *("--progress", progress),
    )
    assert done.exit_code == 0, done.output
    again = nero(
        "calibrate", tiny_checkpoint, phantoms / "id", "--ood", phantoms / "ood", "--out", from_folder, *shared
    )
    assert again.exit_code == 0, again.output
    assert (from_zip / "bundle.json").read_bytes() == (from_folder / "bundle.json").read_bytes()
    lines = [json.loads(line) for line in progress.read_text().splitlines()]
    assert lines[-1] == {"finished": True}
    assert {"fit images", "calibration images", "OOD images"} <= {line["stage"] for line in lines[:-1]}


def test_calibrate_on_a_broken_zip_is_told_with_status_2_and_in_the_progress(
    nero: Run, tiny_checkpoint: Path, tmp_path: Path
):
    (tmp_path / "id.zip").write_bytes(b"PK\x03\x04 torn")
    result = nero(
        *("calibrate", tiny_checkpoint, tmp_path / "id.zip", "--out", tmp_path / "bundle"),
        *("--progress", tmp_path / "progress.jsonl"),
    )
    assert result.exit_code == 2
    assert "id.zip" in result.stderr
    assert "id.zip" in json.loads((tmp_path / "progress.jsonl").read_text().splitlines()[-1])["error"]
    assert not (tmp_path / "bundle").exists()


def test_train_the_head_alone_until_it_gets_no_better(nero: Run, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path):
    result = nero(
        *(
            "train",
            phantoms / "id",
            "--out",
            tmp_path / "run",
            "--arch",
            "test_resnet",
            "--size",
            64,
            "--device",
            "cpu",
        ),
        *("--weights", tiny_checkpoint / "model.safetensors", "--freeze-backbone", "--early-stop", 2, "--epochs", 500),
        *("--lr", "0.05", "--validation-share", 0.2, "--progress", tmp_path / "progress.jsonl"),
    )
    assert result.exit_code == 0, result.output
    facts = load_checkpoint(tmp_path / "run")[1].training
    assert facts.epochs == facts.settings["weights_of_epoch"] + 2
    stopped = f"Stopped after epoch {facts.epochs}; the weights are those of epoch {facts.epochs - 2}."
    assert stopped in result.stdout
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert lines[-1] == {"finished": True}
    assert {line["stage"] for line in lines[:-1]} == {"reading images", "training"}


def test_what_the_folders_hold_beside_the_images_is_said(
    nero: Run, tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
):
    data = tmp_path / "data"
    shutil.copytree(phantoms / "id", data)
    first, second, third = sorted(path.name for path in data.iterdir())
    (data / first / "scan.gif").write_bytes(b"x")
    trained = nero("train", data, "--out", tmp_path / "out", "--classes", f"{first},{second}", *SMALL)
    assert trained.exit_code == 0, trained.output
    said = f"16 images in {third} 16, which is none of the classes; 1 file of other kinds (.gif 1)."
    assert trained.stderr == f"Note: data: 32 images are read. Left out: {said}\n"
    (data / third).rename(data / "extra")
    (data / third).symlink_to(phantoms / "id" / third)  # out of the folder, so not one of its classes
    refused = nero("calibrate", tiny_checkpoint, data, "--out", tmp_path / "bundle", "--device", "cpu")
    assert refused.exit_code == 2
    assert "found no such folder" in refused.stderr
    (data / third).unlink()
    shutil.copytree(phantoms / "id" / third, data / third)
    calibrated = nero(
        *("calibrate", tiny_checkpoint, data, "--out", tmp_path / "bundle", "--device", "cpu", "--tpr", 0.8),
        *("--allow-reduced-rank", "--no-references"),
    )
    assert calibrated.exit_code == 0, calibrated.output
    said = "16 images in extra 16, which is none of the classes; 1 file of other kinds (.gif 1)."
    assert calibrated.stderr == f"Note: data: 48 images are read. Left out: {said}\n"
