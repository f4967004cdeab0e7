"""``nero phantom``."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from typer.testing import Result

from nero_core.phantom.drawing import ID_CLASSES

Run = Callable[..., Result]


def test_phantom_writes_the_classes_of_a_group(nero: Run, tmp_path: Path):
    result = nero("phantom", tmp_path / "id", "--per-class", 2, "--size", 32, "--seed", 3, "--classes", "id")
    assert result.exit_code == 0, result.output
    assert "6 synthetic images of 3 classes" in result.stdout
    assert {folder.name for folder in (tmp_path / "id").iterdir()} == set(ID_CLASSES)
    assert len(list((tmp_path / "id").glob("*/*.jpg"))) == 6


def test_phantom_takes_classes_by_name(nero: Run, tmp_path: Path):
    result = nero("phantom", tmp_path, "--per-class", 1, "--size", 32, "--classes", "polyps,normal-cecum")
    assert result.exit_code == 0, result.output
    assert {folder.name for folder in tmp_path.iterdir()} == {"polyps", "normal-cecum"}


def test_phantom_draws_the_same_for_the_same_seed(nero: Run, tmp_path: Path):
    files = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        assert (
            nero("phantom", out, "--per-class", 1, "--size", 32, "--seed", seed, "--classes", "polyps").exit_code == 0
        )
        files.append(next(out.glob("*/*.jpg")).read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]


def test_phantom_writes_a_contact_sheet(nero: Run, tmp_path: Path):
    sheet = tmp_path / "docs" / "sheet.png"
    result = nero("phantom", tmp_path, "--per-class", 1, "--size", 32, "--classes", "polyps", "--contact-sheet", sheet)
    assert result.exit_code == 0, result.output
    with Image.open(sheet) as picture:
        assert picture.width > 32


def test_phantom_refuses_an_unknown_class(nero: Run, tmp_path: Path):
    result = nero("phantom", tmp_path, "--classes", "unicorn")
    assert result.exit_code == 2
    assert "'unicorn'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_phantom_refuses_an_out_that_is_a_file_without_a_traceback(nero: Run, tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    result = nero("phantom", tmp_path / "file", "--per-class", 1, "--size", 32)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert (tmp_path / "file").read_text() == "mine"


def test_phantom_refuses_a_contact_sheet_of_an_unknown_format_before_drawing(nero: Run, tmp_path: Path):
    result = nero(
        "phantom", tmp_path / "out", "--per-class", 1, "--size", 32, "--contact-sheet", tmp_path / "sheet.xyz"
    )
    assert result.exit_code == 2
    assert ".png" in result.stderr
    assert not (tmp_path / "out").exists()
