"""Which images a run learns from, and what it says of those that it cannot use."""

import shutil
from pathlib import Path

import pytest

from nero_core.errors import CalibrationError, ImageError
from nero_core.training import pixels, train
from tests.nero_core.training.material import SMALL, weights_of


def test_images_that_do_not_fit_in_memory_give_the_same_weights(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pixels, "KEPT_BYTES", 0)
    train(data, tmp_path, **SMALL)
    assert weights_of(tmp_path) == weights_of(finished)


def test_classes_are_taken_in_the_order_given(data: Path, tmp_path: Path):
    card = train(data, tmp_path, **{**SMALL, "epochs": 1}, classes=("red", "green"))
    assert card.classes == ("red", "green")


def test_an_empty_folder_is_refused(tmp_path: Path):
    (tmp_path / "data").mkdir()
    with pytest.raises(CalibrationError, match="found none that holds images"):
        train(tmp_path / "data", tmp_path / "run", **SMALL)


def test_a_single_class_is_refused(data: Path, tmp_path: Path):
    shutil.copytree(data / "red", tmp_path / "data" / "red")
    with pytest.raises(CalibrationError, match=r"at least two class folders.*Found one: red"):
        train(tmp_path / "data", tmp_path / "run", **SMALL)


def test_a_class_without_images_is_refused_by_name(data: Path, tmp_path: Path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "blue").mkdir()
    with pytest.raises(CalibrationError, match=r"Found none in: blue"):
        train(tmp_path / "data", tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_a_broken_image_is_refused_by_name(data: Path, tmp_path: Path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "red" / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(ImageError, match=r"red/broken.png"):
        train(tmp_path / "data", tmp_path / "run", **SMALL)
