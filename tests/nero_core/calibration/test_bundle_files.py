"""A bundle is written whole or not at all, and over nothing but an older bundle."""

import os
import shutil
from pathlib import Path

import pytest

from nero_core.calibration import Bundle, bundle_files, find_bundles
from nero_core.calibration.bundle_files import check_place, save_bundle
from nero_core.errors import BundleError


@pytest.fixture(scope="module")
def tiny(tiny_bundle: Path) -> Bundle:
    return Bundle.load(tiny_bundle)


def save(folder: Path, bundle: Bundle, title: str = "New") -> Bundle:
    banks = {"fit": bundle.fit, "calibration": bundle.calibration}
    thumbnails = ((image_id, bundle.thumbnail(image_id)) for image_id in bundle.fit.ids)
    return save_bundle(folder, bundle.card.model_copy(update={"title": title}), bundle.classifier, banks, thumbnails)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_bundle_takes_the_place_of_the_older_one(tiny: Bundle, tmp_path: Path) -> None:
    older, place = save(tmp_path / "out", tiny, "Older"), tmp_path / "out"
    (place / "thumbnails" / f"{'0' * 64}.webp").write_bytes(b"of another fit image")
    newer = save(place, tiny)
    assert newer.path == place and newer.card.title == Bundle.load(place).card.title == "New"
    assert newer.digest != older.digest
    assert len(list((place / "thumbnails").iterdir())) == newer.fit_size
    assert names(tmp_path) == ["out"]


def test_a_link_to_a_bundle_stays_a_link(tiny: Bundle, tmp_path: Path) -> None:
    save(tmp_path / "real", tiny, "Older")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    save(tmp_path / "link", tiny)
    assert (tmp_path / "link").is_symlink() and Bundle.load(tmp_path / "real").card.title == "New"


@pytest.mark.parametrize("step", ["write", "swap"])
def test_a_failure_leaves_the_older_bundle_and_nothing_else(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    save(tmp_path / "out", tiny, "Older")
    rename = Path.rename

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(bundle_files, "save_weights", refuse)
    else:
        monkeypatch.setattr(
            Path, "rename", lambda self, target: refuse() if self.suffix == ".part" else rename(self, target)
        )
    with pytest.raises(BundleError, match="No space left"):
        save(tmp_path / "out", tiny)
    assert Bundle.load(tmp_path / "out").card.title == "Older"
    assert names(tmp_path) == ["out"]


def test_what_a_kill_left_behind_blocks_nothing_and_is_no_bundle(tiny: Bundle, tmp_path: Path) -> None:
    for kind in ("part", "older"):
        shutil.copytree(tiny.path, tmp_path / f".out.{os.getpid()}.{kind}")
        (tmp_path / f".out.{os.getpid()}.{kind}" / "half").write_text("")
    assert find_bundles(tmp_path) == ()
    save(tmp_path / "out", tiny)
    assert names(tmp_path) == ["out"]
    assert find_bundles(tmp_path) == (tmp_path / "out",)


def test_a_bundle_that_a_kill_left_moved_away_is_kept_when_writing_fails(
    tiny: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny.path, tmp_path / f".out.{os.getpid()}.older")

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_files, "save_weights", refuse)
    with pytest.raises(BundleError, match="No space left"):
        save(tmp_path / "out", tiny)
    assert Bundle.load(tmp_path / "out").digest == tiny.digest


@pytest.mark.parametrize("name", ["notes.txt", "thumbnails/notes.txt"])
def test_a_file_that_is_no_part_of_a_bundle_is_never_replaced(tiny: Bundle, tmp_path: Path, name: str) -> None:
    place = save(tmp_path / "out", tiny).path
    (place / name).write_text("mine")
    with pytest.raises(BundleError, match=rf"other files \(first: {name}\)"):
        save(place, tiny)
    assert (place / name).read_text() == "mine"


def test_a_folder_without_a_card_is_no_older_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match=r"first: model\.safetensors"):
        check_place(tmp_path)


def test_a_file_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BundleError, match="Found a file"):
        check_place(tmp_path / "out")
    with pytest.raises(BundleError, match=r"no right to write|Not a directory"):
        check_place(tmp_path / "out" / "below")


def test_a_new_or_empty_folder_is_a_place(tmp_path: Path) -> None:
    check_place(tmp_path)
    check_place(tmp_path / "new" / "below")
    assert names(tmp_path) == []
