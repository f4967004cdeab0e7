"""Class-per-folder datasets: one fixed order, complaints by name, bounded reading ahead, a split that leaks no copy."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nero_core.data import folders
from nero_core.data.decode import decode_batch, decode_image
from nero_core.data.folders import file_digest, iterate_batches, read_folder, split
from nero_core.data.left_out import LeftOut
from nero_core.errors import CalibrationError, ImageError
from tests.nero_core.data.dicom_files import dicom


def write(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "gut"
    for seed, name in enumerate(["polyp/b.png", "polyp/a.JPG", "cecum/2.png", "cecum/10.png", "cecum/1.tif"]):
        write(root / name, seed)
    return root


def names(paths: Iterable[Path]) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in paths]


def test_classes_and_files_come_sorted(dataset: Path) -> None:
    folder = read_folder(dataset)
    assert folder.classes == ("cecum", "polyp")
    assert names(folder.paths) == ["cecum/1.tif", "cecum/10.png", "cecum/2.png", "polyp/a.JPG", "polyp/b.png"]
    assert folder.labels == (0, 0, 0, 1, 1)
    assert len(folder) == 5


def test_given_classes_are_kept_in_their_order(dataset: Path) -> None:
    write(dataset / "ulcer/a.png")
    folder = read_folder(dataset, classes=["polyp", "cecum"])
    assert folder.classes == ("polyp", "cecum")
    assert folder.labels == (0, 0, 1, 1, 1)


def test_a_selection_keeps_classes_and_labels(dataset: Path) -> None:
    part = read_folder(dataset).select([4, 0])
    assert names(part.paths) == ["polyp/b.png", "cecum/1.tif"]
    assert part.labels == (1, 0)
    assert part.classes == ("cecum", "polyp")


def test_hidden_files_other_suffixes_and_empty_folders_are_left_out_and_counted(dataset: Path) -> None:
    expected = read_folder(dataset)
    assert expected.left_out == LeftOut("gut", 5)
    assert expected.left_out.reasons == ""
    write(dataset / "polyp/.hidden.png")
    write(dataset / ".thumbnails/a.png")
    write(dataset / "loose.png")
    (dataset / "polyp/Thumbs.db").write_bytes(b"x")
    (dataset / "polyp/scan.GIF").write_bytes(b"x")
    (dataset / "cecum/more.gif").write_bytes(b"x")
    (dataset / "README").write_bytes(b"x")
    os.mkfifo(dataset / "cecum/pipe.png")
    (dataset / "polyp/folder.png").mkdir()
    (dataset / "empty").mkdir()
    folder = read_folder(dataset)
    assert folder == expected
    kinds = {".db": 1, ".gif": 2, "no suffix": 1}
    assert folder.left_out == LeftOut("gut", 5, kinds, beside=1, hidden=2, special=1, empty=("empty",))
    assert str(folder.left_out) == (
        "gut: 5 images are read. Left out: 1 image beside the class folders; 4 files of other kinds (.gif 2, .db 1, no "
        "suffix 1); 1 that is no regular file; 2 hidden; a folder without images (empty)."
    )


def test_images_of_patients_lie_deeper_and_are_read(dataset: Path) -> None:
    write(dataset / "polyp/patient-2/a.png", 6)
    write(dataset / "polyp/patient-1/visit/a.png", 7)
    write(dataset / "ulcer/patient-1/a.png", 8)
    folder = read_folder(dataset)
    assert folder.classes == ("cecum", "polyp", "ulcer")
    assert [folder.within_class(index) for index in range(3, len(folder))] == [
        *("a.JPG", "b.png", "patient-1/visit/a.png", "patient-2/a.png"),
        "patient-1/a.png",
    ]
    assert folder.left_out.total == 0


def test_class_folders_that_are_not_asked_for_are_counted(dataset: Path) -> None:
    write(dataset / "ulcer/p/a.png")
    write(dataset / "ulcer/b.png")
    left_out = read_folder(dataset, ["cecum", "polyp"]).left_out
    assert (left_out.folders, left_out.read, left_out.total) == ({"ulcer": 2}, 5, 2)
    assert "2 images in ulcer 2, which is none of the classes" in str(left_out)


@pytest.mark.parametrize("parts", [("train", "test"), ("Train", "Validation", "test")])
def test_the_parts_of_a_split_are_no_classes(tmp_path: Path, parts: tuple[str, ...]) -> None:
    for part in parts:
        write(tmp_path / "set" / part / "polyp/a.png")
    with pytest.raises(CalibrationError, match=r"set: expected .*; found the parts of a split \(.*Name one of these"):
        read_folder(tmp_path / "set")
    write(tmp_path / "set" / parts[0] / "a.png")  # an image in it: a class of an unlucky name
    assert len(read_folder(tmp_path / "set").classes) == len(parts)


def test_accents_are_compared_in_one_spelling_and_files_keep_their_names(tmp_path: Path) -> None:
    split, whole = unicodedata.normalize("NFD", "Ösophagitis"), "Ösophagitis"
    write(tmp_path / "gut" / split / unicodedata.normalize("NFD", "ä.png"))
    write(tmp_path / "gut" / "cecum/a.png")
    for wanted in (None, [whole, "cecum"], [split, "cecum"]):
        folder = read_folder(tmp_path / "gut", wanted)
        assert sorted(folder.classes) == sorted((whole, "cecum"))
        assert all(path.is_file() for path in folder.paths)
    write(tmp_path / "gut" / whole / "b.png")
    with pytest.raises(CalibrationError, match=r"found two folders of the name .*accents in two ways"):
        read_folder(tmp_path / "gut")


def test_links_that_lead_out_of_the_root_are_left_out_and_counted(dataset: Path, tmp_path: Path) -> None:
    expected = read_folder(dataset)
    outside = write(tmp_path / "outside/secret.png")
    (dataset / "polyp/link.png").symlink_to(outside)
    (dataset / "elsewhere").symlink_to(outside.parent)
    (dataset / "polyp/loop.png").symlink_to(dataset / "polyp/loop.png")
    (dataset / "polyp/dangling.png").symlink_to(tmp_path / "gone.png")
    assert read_folder(dataset) == expected
    assert read_folder(dataset).left_out.links == 4
    assert "4 links that lead out of the folder, to nothing, or" in str(read_folder(dataset).left_out)


def test_a_split_by_links_inside_the_root_is_followed_and_circles_end(dataset: Path) -> None:
    (dataset / "polyp").rename(dataset / ".polyp")
    (dataset / "polyp").symlink_to(dataset / ".polyp")
    (dataset / "both").mkdir()
    (dataset / "both/cecum").symlink_to(dataset / "cecum")
    (dataset / "both/up").symlink_to(dataset)
    folder = read_folder(dataset)
    polyp = folder.classes.index("polyp")
    images = [folder.within_class(index) for index, label in enumerate(folder.labels) if label == polyp]
    assert images == ["a.JPG", "b.png"]
    assert sum(path.parent.name == "cecum" and "both" in path.parts for path in folder.paths) >= 3
    assert len(folder) < 40


def test_a_link_inside_the_root_and_a_linked_root_are_followed(dataset: Path, tmp_path: Path) -> None:
    (dataset / "polyp/c.png").symlink_to(dataset / "cecum/2.png")
    linked = tmp_path / "linked"
    linked.symlink_to(dataset)
    assert names(read_folder(linked).paths)[-1] == "polyp/c.png"


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["cecum", "ulcer"], "gut: expected a folder 'ulcer' with images; found no such folder, but these: cecum, "),
        (["cecum", "empty"], "gut: expected a folder 'empty' with images; found none in it"),
        (["cecum", "../gut/polyp"], "found a path in place of a folder name"),
        (["cecum", ".."], "found a path in place of a folder name"),
        (["cecum", "cecum"], "expected each class once; found 'cecum' twice"),
    ],
)
def test_a_missing_empty_or_doubled_class_is_named(dataset: Path, classes: list[str], message: str) -> None:
    (dataset / "empty").mkdir()
    with pytest.raises(CalibrationError, match=message):
        read_folder(dataset, classes)


def test_a_root_that_is_missing_a_file_or_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere: expected a folder .* found no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(CalibrationError, match="found a file"):
        read_folder(write(tmp_path / "flat/a.png"))
    with pytest.raises(CalibrationError, match=r"flat: expected .* found none that holds images"):
        read_folder(tmp_path / "flat")


def test_the_digest_of_a_file_is_the_id_of_its_picture(dataset: Path) -> None:
    path = dataset / "polyp/b.png"
    assert file_digest(path) == decode_image(path).id


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_batches_put_together_equal_one_batch(dataset: Path, batch_size: int) -> None:
    folder = read_folder(dataset)
    whole = decode_batch(folder.paths, (16, 16))
    batches = list(iterate_batches(folder, (16, 16), batch_size))
    assert [len(batch) for batch in batches] == [len(part) for part in _parts(5, batch_size)]
    torch.testing.assert_close(torch.cat([batch.pixels for batch in batches]), whole.pixels, rtol=0, atol=0)
    assert [id for batch in batches for id in batch.ids] == list(whole.ids)
    assert [int(label) for batch in batches for label in batch.labels] == list(folder.labels)


def _parts(total: int, size: int) -> list[range]:
    return [range(start, min(start + size, total)) for start in range(0, total, size)]


def test_bare_paths_come_without_labels(dataset: Path) -> None:
    (batch,) = iterate_batches([str(path) for path in read_folder(dataset).paths], (16, 16), 8)
    assert batch.labels is None
    assert list(iterate_batches([], (16, 16), 8)) == []


def test_no_more_than_two_batches_are_read_ahead(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    plain = folders.decode_image

    def counted(path: Path, **options: object) -> object:
        started.append(path)
        return plain(path, **options)

    monkeypatch.setattr(folders, "decode_image", counted)
    paths = [dataset / "polyp/b.png"] * 50
    batches = iterate_batches(paths, (16, 16), batch_size=3)
    next(batches)
    batches.close()  # a consumer that stops early leaves nothing running
    assert 3 <= len(started) <= 6


def test_a_broken_file_is_named_with_its_class(dataset: Path) -> None:
    (dataset / "polyp/a.JPG").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"^polyp/a\.JPG: expected .* found text"):
        list(iterate_batches(read_folder(dataset), (16, 16), 2))


# split


LABELS = [0] * 60 + [1] * 30 + [2] * 10
IDS = [f"{number:064x}" for number in range(100)]


def test_a_split_is_a_stratified_partition() -> None:
    parts = split(LABELS, IDS, (0.5, 0.3, 0.2), seed=0)
    assert sorted(index for part in parts for index in part) == list(range(100))
    counts = [np.bincount([LABELS[index] for index in part]).tolist() for part in parts]
    assert counts == [[30, 15, 5], [18, 9, 3], [12, 6, 2]]


def test_a_split_repeats_with_its_seed_and_differs_with_another() -> None:
    assert split(LABELS, IDS, (0.5, 0.5), seed=3) == split(LABELS, IDS, (0.5, 0.5), seed=3)
    assert split(LABELS, IDS, (0.5, 0.5), seed=3) != split(LABELS, IDS, (0.5, 0.5), seed=4)


def test_reordering_the_files_moves_no_image_to_another_part() -> None:
    order = np.random.default_rng(1).permutation(100)
    plain = split(LABELS, IDS, (0.7, 0.3), seed=0)
    shuffled = split([LABELS[i] for i in order], [IDS[i] for i in order], (0.7, 0.3), seed=0)
    assert {int(order[index]) for index in shuffled[0]} == set(plain[0])


@pytest.mark.parametrize("seed", range(20))
def test_copies_of_one_image_never_stand_on_both_sides(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = [IDS[number] for number in rng.integers(0, 40, 100)]
    first, second = split(rng.integers(0, 2, 100).tolist(), ids, (0.6, 0.4), seed)
    assert {ids[index] for index in first}.isdisjoint({ids[index] for index in second})
    assert 50 <= len(first) <= 70


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.34, 0.33, 0.33), (0.98, 0.01, 0.01)])
def test_every_part_gets_every_class_that_has_enough_different_images(fractions: tuple[float, ...]) -> None:
    labels, ids = [0, 0, 0, 0, 0], ["a", "a", "a", "b", "c"]
    assert all(split(labels, ids, fractions, seed) for seed in range(10))
    assert all(len(part) > 0 for part in split(labels, ids, fractions, 0))


def test_a_class_with_too_few_different_images_is_named() -> None:
    with pytest.raises(CalibrationError, match=r"class 1: expected at least 2 different images.*found 1"):
        split([0, 0, 1, 1], ["a", "b", "c", "c"], (0.5, 0.5), seed=0)


@pytest.mark.parametrize("fractions", [(), (0.5, 0.6), (1.0, 0.0), (1.5, -0.5)])
def test_fractions_that_are_no_shares_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected positive shares that sum to 1"):
        split(LABELS, IDS, fractions, seed=0)


def test_a_dicom_file_of_several_frames_counts_by_its_first_and_the_others_are_told(dataset: Path) -> None:
    frames = np.zeros((4, 20, 24, 3), np.uint8)
    (dataset / "polyp/loop.dcm").write_bytes(dicom(frames))
    (dataset / "polyp/IM0001").write_bytes(dicom(frames[0]))
    folder = read_folder(dataset)
    assert names(folder.paths)[-2:] == ["polyp/b.png", "polyp/loop.dcm"]
    assert "polyp/IM0001" in names(folder.paths)
    assert str(folder.left_out) == "gut: 7 images are read. Left out: 3 frames after the first of a DICOM file."
