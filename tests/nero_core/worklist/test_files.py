"""What a folder or a zip holds."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from nero_core.data import LeftOut
from nero_core.errors import ImageError, NeroError
from nero_core.store import Store, upload_path
from nero_core.worklist import files_of, keep_files


def test_images_at_any_depth_are_listed_by_digest_and_the_rest_is_told(morning: Path):
    told: list[LeftOut] = []
    read: list[tuple[int, int]] = []
    with files_of(morning, on_left_out=told.append, on_file=lambda *done: read.append(done)) as files:
        assert [file.name for file in files] == [
            *(f"frame {number}.jpg" for number in range(5)),
            "frame 7.jpg",
            "frame 8.png",
            "later/frame 5.jpg",
            "later/frame 6.jpg",
        ]
        assert files[0].digest == hashlib.sha256((morning / "frame 0.jpg").read_bytes()).hexdigest()
        assert files[0].digest == files[5].digest
    assert [left.reasons for left in told] == ["1 file of other kinds (.txt 1)"]
    assert read[-1] == (9, 9)


def test_a_zip_and_a_single_image_are_listed_too(morning: Path, tmp_path: Path):
    packed = tmp_path / "morning.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(morning.glob("*.jpg")):
            archive.write(path, path.name)
    with files_of(packed, tmp_path) as files, files_of(morning) as loose:
        assert {file.digest for file in files} == {file.digest for file in loose if "/" not in file.name} - {
            loose[6].digest
        }
        assert [file.name for file in files] == [
            file.name for file in loose if file.name.endswith(".jpg") and "/" not in file.name
        ]
        assert all(file.path.is_file() for file in files)
        inside = files[0].path
    assert not inside.exists()
    with files_of(morning / "frame 0.jpg") as files:
        assert [file.name for file in files] == ["frame 0.jpg"]


def test_what_holds_no_image_is_refused(tmp_path: Path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    for source, message in (
        (tmp_path / "nowhere", "Found nothing at"),
        (tmp_path / "frames", "Expected images in frames. Found none"),
        (tmp_path / "broken.zip", "broken.zip: expected"),
    ):
        with pytest.raises(NeroError, match=message), files_of(source):
            raise AssertionError("it was listed")


def test_files_are_kept_whole_and_not_if_they_have_changed(store: Store, morning: Path, tmp_path: Path):
    place = tmp_path / "frames" / "one.jpg"
    place.parent.mkdir()
    place.write_bytes((morning / "frame 0.jpg").read_bytes())
    with files_of(place.parent) as files:
        keep_files(store, files)
        kept = upload_path(store, files[0].digest)
        assert kept is not None and kept.read_bytes() == place.read_bytes()
        place.write_bytes(b"another")
        with pytest.raises(ImageError, match="found that it has changed"):
            keep_files(store, files)


def test_links_that_lead_out_of_a_folder_are_not_followed(phantoms: Path, tmp_path: Path):
    images = sorted((phantoms / "ood").rglob("*.jpg"))
    folder, outside = tmp_path / "frames", tmp_path / "outside"
    folder.mkdir(), outside.mkdir()
    (folder / "own.jpg").write_bytes(images[0].read_bytes())
    (outside / "secret.jpg").write_bytes(images[1].read_bytes())
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "away").symlink_to(outside)
    told: list[LeftOut] = []
    with files_of(folder, on_left_out=told.append) as files:
        assert [file.name for file in files] == ["own.jpg"]
    assert [left_out.links for left_out in told] == [2]
