"""The phantom draws what it says, the same each time, at every size."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nero_core.errors import ImageError
from nero_core.phantom.drawing import (
    CLASSES,
    ID_CLASSES,
    OOD_CLASSES,
    Phantom,
    contact_sheet,
    draw_phantom,
    encode_phantom,
    write_phantoms,
)

SIZE = 64


@cache
def drawn(label: str, seed: int, size: int = SIZE) -> Phantom:
    return draw_phantom(label, seed, size)


def colours(phantom: Phantom, keep: np.ndarray) -> np.ndarray:
    """Return the mean's share of red, green and blue, and its brightness (255 = 0.255)."""
    mean = phantom.pixels[keep].astype(np.float64).mean(axis=0)
    return np.append(mean / mean.sum(), mean.mean() / 1000)


def test_the_eight_classes_bear_the_folder_names_of_kvasir_v2() -> None:
    assert ID_CLASSES == ("normal-cecum", "normal-pylorus", "normal-z-line")
    assert set(OOD_CLASSES) == {
        "polyps",
        "esophagitis",
        "ulcerative-colitis",
        "dyed-lifted-polyps",
        "dyed-resection-margins",
    }
    assert CLASSES == ID_CLASSES + OOD_CLASSES


@pytest.mark.parametrize("label", CLASSES)
def test_one_seed_always_gives_the_same_bytes(label: str) -> None:
    again = draw_phantom(label, 5, SIZE)
    first = drawn(label, 5)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(first.lesion, again.lesion)
    assert encode_phantom(first) == encode_phantom(again)


@pytest.mark.parametrize("label", CLASSES)
def test_other_seeds_give_other_pictures(label: str) -> None:
    first, second = drawn(label, 5), drawn(label, 6)
    difference = np.abs(first.pixels.astype(int) - second.pixels.astype(int))
    assert difference.mean() > 5


@pytest.mark.parametrize("label", ID_CLASSES)
def test_healthy_classes_have_no_lesion(label: str) -> None:
    assert not any(drawn(label, seed).lesion.any() for seed in range(3))


@pytest.mark.parametrize("label", OOD_CLASSES)
def test_a_lesion_shows_but_never_fills_the_picture(label: str) -> None:
    for seed in range(6):
        phantom = drawn(label, seed)
        assert phantom.lesion.shape == (SIZE, SIZE)
        assert 0 < phantom.lesion.mean() < 0.8


@pytest.mark.parametrize("label", OOD_CLASSES)
def test_a_lesion_stands_out_from_its_surroundings_over_several_pictures(label: str) -> None:
    contrast = []
    for seed in range(6):
        phantom = drawn(label, seed)
        lit = phantom.pixels.max(axis=-1) > 25
        inside = colours(phantom, phantom.lesion & lit)
        outside = colours(phantom, ~phantom.lesion & lit)
        contrast.append(np.abs(inside - outside).sum())
    assert np.mean(contrast) > 0.02


@pytest.mark.parametrize("label", CLASSES)
def test_the_same_scene_shows_at_every_size(label: str) -> None:
    small = draw_phantom(label, 2, 112).pixels.astype(np.float32)
    large = draw_phantom(label, 2, 224).pixels.astype(np.float32)
    reduced = large.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - reduced).mean() < 6
    assert np.corrcoef(small.ravel(), reduced.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("label", OOD_CLASSES)
def test_outside_the_lesion_the_colours_are_those_of_healthy_pictures(label: str) -> None:
    healthy = []
    for site in ID_CLASSES:
        for seed in range(8):
            phantom = drawn(site, seed)
            healthy.append(colours(phantom, phantom.pixels.max(axis=-1) > 25))
    low, high = np.min(healthy, axis=0), np.max(healthy, axis=0)
    lesioned = []
    for seed in range(6):
        phantom = drawn(label, seed)
        keep = ~_dilated(phantom.lesion, 4) & (phantom.pixels.max(axis=-1) > 25)
        lesioned.append(colours(phantom, keep))
    mean = np.mean(lesioned, axis=0)
    assert (mean > low).all()
    assert (mean < high).all()


def _dilated(mask: np.ndarray, reach: int) -> np.ndarray:
    wide = np.pad(mask, reach)
    side = mask.shape[0]
    shifts = range(2 * reach + 1)
    return np.any([wide[r : r + side, c : c + side] for r in shifts for c in shifts], axis=0)


def test_pictures_are_black_outside_the_octagon() -> None:
    for label in CLASSES:
        pixels = drawn(label, 0).pixels
        corners = [pixels[r, c] for r in (0, -1) for c in (0, -1)]
        assert np.max(corners) < 20


def test_the_jpeg_decodes_to_nearly_the_same_picture(tmp_path: Path) -> None:
    phantom = drawn("normal-cecum", 3)
    path = tmp_path / "frame.jpg"
    path.write_bytes(encode_phantom(phantom))
    with Image.open(path) as image:
        decoded = np.asarray(image.convert("RGB"), dtype=np.float32)
    assert np.abs(decoded - phantom.pixels).mean() < 8


def test_files_lie_in_one_folder_per_class_and_are_reported(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    paths = write_phantoms(
        tmp_path,
        2,
        SIZE,
        seed=7,
        classes=("normal-cecum", "polyps"),
        on_progress=lambda done, total: calls.append((done, total)),
    )
    assert [str(path.relative_to(tmp_path)) for path in paths] == [
        "normal-cecum/normal-cecum-7-00000.jpg",
        "normal-cecum/normal-cecum-7-00001.jpg",
        "polyps/polyps-7-00000.jpg",
        "polyps/polyps-7-00001.jpg",
    ]
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(paths)
    assert len({path.read_bytes() for path in paths}) == 4


def test_writing_again_keeps_what_is_there_and_fills_what_is_missing(tmp_path: Path) -> None:
    paths = write_phantoms(tmp_path, 3, SIZE, classes=("normal-z-line",))
    removed = paths[1].read_bytes()
    paths[1].unlink()
    times = {path: path.stat().st_mtime_ns for path in (paths[0], paths[2])}
    assert write_phantoms(tmp_path, 3, SIZE, classes=("normal-z-line",)) == paths
    assert paths[1].read_bytes() == removed
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_sets_of_different_seeds_share_no_picture(tmp_path: Path) -> None:
    first = write_phantoms(tmp_path, 3, SIZE, seed=0, classes=("normal-cecum",))
    second = write_phantoms(tmp_path, 3, SIZE, seed=1, classes=("normal-cecum",))
    assert len({path.read_bytes() for path in first + second}) == 6


def test_an_unknown_class_is_answered_with_the_expected_ones(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"normal-cecum.*dyed-resection-margins.*'colon'"):
        draw_phantom("colon", 0)
    with pytest.raises(ImageError, match="'colon'"):
        write_phantoms(tmp_path, 1, classes=("polyps", "colon"))
    assert not list(tmp_path.iterdir())


def test_a_size_without_room_for_anatomy_is_refused() -> None:
    with pytest.raises(ImageError, match="at least 32 pixels; found 31"):
        draw_phantom("polyps", 0, 31)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ImageError, match="found -1"):
        draw_phantom("polyps", -1)


def test_the_contact_sheet_has_a_row_for_each_class() -> None:
    sheet = contact_sheet(per_class=2, size=SIZE)
    assert sheet.width > 2 * SIZE
    assert sheet.height > len(CLASSES) * SIZE
