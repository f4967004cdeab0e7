"""``nero import-checkpoint``."""

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from typer.testing import Result

from nero_core.models import load_checkpoint

Run = Callable[..., Result]
SMALL = ("--arch", "resnet10t", "--size", 64)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return timm.create_model("resnet10t", num_classes=2)


@pytest.fixture
def file(model: torch.nn.Module, tmp_path: Path) -> Path:
    torch.save(model.state_dict(), tmp_path / "x.pth")
    return tmp_path / "x.pth"


def test_it_writes_a_checkpoint_and_says_that_the_training_images_are_unknown(nero: Run, file: Path, tmp_path: Path):
    result = nero("import-checkpoint", file, *SMALL, "--classes", "a,b", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    card = load_checkpoint(tmp_path / "out")[1]
    mean = " ".join(f"{value:g}" for value in card.mean)
    assert f"resnet10t with 2 classes, 64×64 pixels, mean {mean}" in result.stdout
    assert "calibrate on images that were not trained on" in result.stdout
    assert result.stderr == ""
    again = nero("import-checkpoint", file, *SMALL, "--classes", "x,y", "--out", tmp_path / "out")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    forced = nero("import-checkpoint", file, *SMALL, "--classes", "x,y", "--out", tmp_path / "out", "--force")
    assert forced.exit_code == 0
    assert load_checkpoint(tmp_path / "out")[1].classes == ("x", "y")


def test_what_is_left_out_of_the_file_is_said(nero: Run, model: torch.nn.Module, tmp_path: Path):
    beside = {"criterion.weight": torch.ones(2), **{f"train_acc.{name}": torch.ones(2) for name in ("tp", "fp", "tn")}}
    torch.save({**model.state_dict(), **beside, "n_averaged": torch.tensor(1)}, tmp_path / "x.pth")
    result = nero("import-checkpoint", tmp_path / "x.pth", *SMALL, "--classes", "a,b", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Left out, since it is no part of resnet10t: criterion.weight, n_averaged" in result.stdout
    assert "and 1 more" in result.stdout


def test_class_names_may_come_from_a_file_and_normalisation_from_options(nero: Run, file: Path, tmp_path: Path):
    names = tmp_path / "names.txt"
    names.write_text("\ufeffpolyp, large\r\n\nnormal\n", encoding="utf-8")
    result = nero(
        *("import-checkpoint", file, *SMALL, "--classes-file", names, "--out", tmp_path / "out"),
        *("--mean", 0.1, 0.2, 0.3, "--std", 0.4, 0.5, 0.6),
    )
    assert result.exit_code == 0, result.output
    card = load_checkpoint(tmp_path / "out")[1]
    assert (card.classes, card.mean, card.std) == (("polyp, large", "normal"), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_a_normalisation_that_is_timms_alone_is_warned_of(nero: Run, tmp_path: Path):
    torch.save(timm.create_model("vit_tiny_patch16_224", num_classes=2).state_dict(), tmp_path / "vit.pth")
    command = ("import-checkpoint", tmp_path / "vit.pth", "--arch", "vit_tiny_patch16_224", "--classes", "a,b")
    half = ("--mean", 0.5, 0.5, 0.5, "--std", 0.5, 0.5, 0.5)
    warned = nero(*command, "--out", tmp_path / "out")
    assert warned.exit_code == 0, warned.output
    assert "no --mean and no --std, so timm's for vit_tiny_patch16_224: mean 0.5 0.5 0.5, deviation" in warned.stderr
    assert "give --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225" in warned.stderr
    assert nero(*command, *half, "--out", tmp_path / "given").stderr == ""


@pytest.mark.parametrize(("given", "actual"), [((), "neither"), (("--classes", "a,b", "--classes-file", "x"), "both")])
def test_class_names_come_from_one_place(nero: Run, file: Path, tmp_path: Path, given: tuple[str, ...], actual: str):
    result = nero("import-checkpoint", file, *SMALL, *given, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert f"Found {actual}" in result.stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_of_names_that_cannot_be_read_is_told(nero: Run, file: Path, tmp_path: Path, content: bytes | None):
    names = tmp_path / "names.txt"
    if content is not None:
        names.write_bytes(content)
    result = nero("import-checkpoint", file, *SMALL, "--classes-file", names, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "names.txt to be a text file of class names" in result.stderr


def test_a_pickled_module_needs_the_option_and_is_warned_of(nero: Run, model: torch.nn.Module, tmp_path: Path):
    torch.save(model, tmp_path / "x.pth")
    command = ("import-checkpoint", tmp_path / "x.pth", *SMALL, "--classes", "a,b", "--out", tmp_path / "out")
    refused = nero(*command)
    assert refused.exit_code == 2
    assert "--unsafe-pickle" in refused.stderr
    assert not (tmp_path / "out").exists()
    done = nero(*command, "--unsafe-pickle")
    assert done.exit_code == 0, done.output
    assert "Warning: --unsafe-pickle runs whatever code x.pth names" in done.stderr
    assert torch.equal(load_checkpoint(tmp_path / "out")[0].head.weight, model.get_classifier().weight)
