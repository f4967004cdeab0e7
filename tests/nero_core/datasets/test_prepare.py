"""Preparing datasets: generated trees with the published names and counts, through to the folders that others read."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from nero_core.data.archive import ArchiveLimits
from nero_core.data.folders import read_folder
from nero_core.datasets.prepare import Prepared, found_classes, prepare
from nero_core.datasets.prepare_files import LOCK
from nero_core.datasets.prepare_lock import release, take
from nero_core.datasets.prepare_split import Shares
from nero_core.datasets.protocol import Protocol, published_protocol, read_protocol
from nero_core.errors import ArchiveError, CalibrationError, DatasetError


def image_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (120, 40, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


IMAGE = image_bytes()


def image(text: object) -> bytes:
    """A valid JPEG of its own bytes: what follows the end of the image is ignored."""
    return IMAGE + str(text).encode()


def write_tree(root: Path, counts: Mapping[str, int]) -> Path:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            (root / name / f"{index:04}.jpg").write_bytes(image(f"{name}{index}"))
    return root


def digests(folder: Path) -> dict[str, set[str]]:
    """sha256 of the files by part."""
    hashes: dict[str, set[str]] = {}
    for path in folder.glob("*/*/*"):
        hashes.setdefault(path.relative_to(folder).parts[0], set()).add(hashlib.sha256(path.read_bytes()).hexdigest())
    return hashes


def remarks(result: Prepared) -> tuple[str, ...]:
    """The warnings, but for those on the size of the calibration part, which is small in most tests."""
    return tuple(line for line in result.warnings if not line.startswith("The calibration part"))


SMALL = Protocol(name="Small", classes={"a": "id", "b": "id", "x": "ood", "y": "ood", "z": "unused"})
COUNTS = {"a": 20, "b": 10, "x": 6, "y": 4, "z": 3}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "small", COUNTS)


@pytest.fixture(scope="session")
def kvasir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    protocol = published_protocol("kvasir-v2")
    return write_tree(tmp_path_factory.mktemp("kvasir") / "kvasir-dataset-v2", protocol.counts)


def test_kvasir_v2_splits_into_parts_of_the_default_shares(tmp_path: Path, kvasir: Path):
    result = prepare(kvasir, tmp_path / "out", published_protocol("kvasir-v2"))
    assert result.warnings == ()
    assert {part: set(classes.values()) for part, classes in result.counts.items()} == {
        "train": {450},
        "calibration": {350},
        "test": {200},
        "ood": {1000},
    }
    assert len(read_folder(tmp_path / "out" / "train").classes) == 3
    assert len(read_folder(tmp_path / "out" / "ood").classes) == 5
    parts = list(digests(tmp_path / "out").values())
    assert sum(map(len, parts)) == len(set.union(*parts)) == 8000  # no image in two parts


def test_gastrovision_splits_from_an_archive_inside_an_archive(tmp_path: Path):
    published = published_protocol("gastrovision")
    counts = {name: max(count // 5, 6) for name, count in published.counts.items()}  # a fifth: files take time
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name, count in counts.items():
            for index in range(count):
                archive.writestr(f"Gastrovision/{name}/{index}.jpg", image(f"{name}{index}"))
    with zipfile.ZipFile(tmp_path / "Gastrovision.zip", "w") as archive:
        archive.writestr("Gastrovision.zip", inner.getvalue())
        archive.writestr("__MACOSX/._Gastrovision.zip", b"fork")
    result = prepare(tmp_path / "Gastrovision.zip", tmp_path / "out", published.model_copy(update={"counts": counts}))
    assert remarks(result) == ()
    assert result.counts["ood"] == {
        name: counts[name] for name in sorted(name for name, role in published.classes.items() if role == "ood")
    }
    assert all(len(result.counts[part]) == 11 for part in ("train", "calibration", "test"))
    assert sum(result.counts[part]["Cecum"] for part in ("train", "calibration", "test")) == counts["Cecum"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Gastrovision.zip", "out"]


def test_the_same_seed_gives_the_same_set_and_another_seed_another(tmp_path: Path, small: Path):
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        prepare(small, tmp_path / name, SMALL, seed=seed)
    records = [(tmp_path / name / "prepare.json").read_bytes() for name in ("one", "again", "two")]
    assert records[0] == records[1]
    assert digests(tmp_path / "one") != digests(tmp_path / "two")


def test_renaming_files_moves_no_image_to_another_part(tmp_path: Path, small: Path):
    prepare(small, tmp_path / "before", SMALL)
    for path in sorted(small.glob("a/*")):
        path.rename(path.with_name(f"q{99 - int(path.stem)}.jpg"))
    prepare(small, tmp_path / "after", SMALL)
    assert digests(tmp_path / "before") == digests(tmp_path / "after")


def test_files_are_links_and_never_symbolic_ones(tmp_path: Path, small: Path):
    (small / "a" / "link.jpg").symlink_to(small / "a" / "0000.jpg")
    prepare(small, tmp_path / "out", SMALL)
    made = list((tmp_path / "out").glob("*/*/*"))
    assert not any(path.is_symlink() for path in made)
    assert len({path.stat().st_ino for path in made} & {path.stat().st_ino for path in small.glob("*/*.jpg")}) == 40


def test_files_are_copied_where_links_cannot_be(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    prepare(small, tmp_path / "out", SMALL)
    assert sum(map(len, digests(tmp_path / "out").values())) == 40


def test_unused_classes_are_left_out_and_may_be_missing(tmp_path: Path, small: Path):
    prepare(small, tmp_path / "out", SMALL)
    assert not list((tmp_path / "out").glob("*/z"))
    for path in (small / "z").iterdir():
        path.unlink()
    prepare(small, tmp_path / "without", SMALL)
    assert digests(tmp_path / "out") == digests(tmp_path / "without")


def test_all_copies_of_a_file_go_to_one_part(tmp_path: Path, small: Path):
    for index in range(5):
        (small / "a" / f"copy{index}.jpg").write_bytes((small / "a" / "0003.jpg").read_bytes())
    result = prepare(small, tmp_path / "out", SMALL)
    parts = digests(tmp_path / "out")
    assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 40
    assert sum(result.counts[part]["a"] for part in ("train", "calibration", "test")) == 25
    assert any(line.startswith("5 files are copies") for line in result.warnings)


def test_a_file_in_two_classes_is_left_out_and_counted(tmp_path: Path, small: Path):
    (small / "x" / "stray.jpg").write_bytes((small / "a" / "0001.jpg").read_bytes())
    (small / "b" / "stray.jpg").write_bytes((small / "a" / "0002.jpg").read_bytes())
    (small / "y" / "stray.jpg").write_bytes((small / "x" / "0002.jpg").read_bytes())
    (small / "z" / "stray.jpg").write_bytes((small / "a" / "0003.jpg").read_bytes())  # unused: no contradiction
    result = prepare(small, tmp_path / "out", SMALL)
    assert remarks(result) == (
        "2 files were left out: copies of them lie in an ID and in an OOD class.",
        "4 files were left out: copies of them lie in two classes.",
        "1 files have a copy in an unused class; they are kept.",
    )
    hashes = set.union(*digests(tmp_path / "out").values())
    assert hashlib.sha256(image("a1")).hexdigest() not in hashes
    assert hashlib.sha256(image("x2")).hexdigest() not in hashes
    assert hashlib.sha256(image("a3")).hexdigest() in hashes
    record = json.loads((tmp_path / "out" / "prepare.json").read_text("utf-8"))
    assert (record["dropped_id_ood"], record["dropped_labels"], record["copies_in_unused"]) == (2, 4, 1)


def test_a_class_that_is_a_copy_of_another_is_refused(tmp_path: Path, small: Path):
    for index in range(COUNTS["x"]):
        (small / "x" / f"{index:04}.jpg").write_bytes((small / "a" / f"{index:04}.jpg").read_bytes())
    with pytest.raises(DatasetError, match="x: expected images that are in no other class"):
        prepare(small, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_other_counts_than_published_are_warned_about_with_the_numbers(tmp_path: Path, small: Path):
    protocol = SMALL.model_copy(update={"counts": {"a": 20, "b": 12, "y": 3}})
    assert remarks(prepare(small, tmp_path / "out", protocol)) == (
        "b: expected 12 images, as published; found 10.",
        "y: expected 3 images, as published; found 4.",
    )


@pytest.mark.parametrize("wrong", ["missing", "unknown", "empty"])
def test_other_classes_than_published_are_refused_and_nothing_is_written(tmp_path: Path, small: Path, wrong: str):
    if wrong == "unknown":
        (small / "a").rename(small / "aa")
    else:
        for path in (small / "a").iterdir():
            path.unlink()
        if wrong == "missing":
            (small / "a").rmdir()
    with pytest.raises(DatasetError, match="class folders of Small"):
        prepare(small, tmp_path / "out", SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_a_class_with_fewer_images_than_parts_is_refused(tmp_path: Path):
    source = write_tree(tmp_path / "s", {**COUNTS, "b": 2})
    with pytest.raises(CalibrationError, match="b: expected at least 3 different images"):
        prepare(source, tmp_path / "out", SMALL)


def test_a_share_of_nothing_leaves_the_part_out(tmp_path: Path, small: Path):
    result = prepare(small, tmp_path / "out", SMALL, Shares(0.0, 0.5, 0.5))
    assert set(result.counts) == {"calibration", "test", "ood"}
    assert result.counts["test"] == {"a": 10, "b": 5}


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (-0.5, 1.0, 0.5), (0.0, 0.0, 0.0), (float("nan"), 0.5, 0.5)])
def test_shares_that_are_none_are_refused(tmp_path: Path, small: Path, shares: tuple[float, float, float]):
    with pytest.raises(DatasetError, match="sum to 1"):
        prepare(small, tmp_path / "out", SMALL, Shares(*shares))


def test_the_set_keeps_its_protocol_and_a_record_of_every_file(tmp_path: Path, small: Path):
    prepare(small, tmp_path / "out", SMALL, seed=7)
    assert read_protocol(tmp_path / "out" / "protocol.toml") == SMALL
    record = json.loads((tmp_path / "out" / "prepare.json").read_text("utf-8"))
    assert record["seed"] == 7
    assert record["source"] == "small"
    assert record["made_with"].startswith("nero-dashboard ")
    for row in record["files"]:
        data = (tmp_path / "out" / row["part"] / row["class"] / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
    assert Counter(row["part"] for row in record["files"]) == {
        part: sum(classes.values()) for part, classes in record["counts"].items()
    }


def test_a_second_call_finds_the_set_and_leaves_it(tmp_path: Path, small: Path):
    assert prepare(small, tmp_path / "out", SMALL).is_new
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert not prepare(small, tmp_path / "out", SMALL).is_new
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_another_set_is_never_overwritten(tmp_path: Path, small: Path):
    prepare(small, tmp_path / "out", SMALL)
    with pytest.raises(DatasetError, match="one of seed 0"):
        prepare(small, tmp_path / "out", SMALL, seed=1)
    (small / "a" / "new.jpg").write_bytes(image("new"))
    with pytest.raises(DatasetError, match=r"one of found \{"):
        prepare(small, tmp_path / "out", SMALL)
    (small / "a" / "new.jpg").unlink()
    next((tmp_path / "out" / "ood" / "x").iterdir()).unlink()
    with pytest.raises(DatasetError, match=r"ood/x/.* gone"):
        prepare(small, tmp_path / "out", SMALL)


@pytest.mark.parametrize("what", ["file", "folder", "broken", "listed"])
def test_other_files_are_never_touched(tmp_path: Path, small: Path, what: str):
    out = tmp_path / "out"
    if what == "file":
        out.write_text("mine")
    else:
        out.mkdir()
        (out / ("mine" if what == "folder" else "prepare.json")).write_text("[]" if what == "listed" else "mine")
    with pytest.raises(DatasetError, match="Name another folder"):
        prepare(small, out, SMALL)
    assert out.is_file() or len(list(out.iterdir())) == 1


def test_an_empty_folder_is_used(tmp_path: Path, small: Path):
    (tmp_path / "out").mkdir()
    assert prepare(small, tmp_path / "out", SMALL).is_new


def test_a_kill_leaves_no_half_set_and_the_next_call_tidies_up(tmp_path: Path, small: Path):
    (small / "protocol.toml").write_text(SMALL.toml(), encoding="utf-8")
    code = (
        "import sys, time\nfrom nero_core.datasets import prepare, read_protocol\n"
        "def slow(stage, done, total):\n"
        "    if stage == 'writing' and done > 10: print('now', flush=True); time.sleep(60)\n"
        "prepare(sys.argv[1], sys.argv[2], read_protocol(sys.argv[1] + '/protocol.toml'), on_progress=slow)\n"
    )
    command = [sys.executable, "-c", code, str(small), str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "out").exists()
    assert len(list(tmp_path.iterdir())) == 2  # what the kill left is hidden beside the place
    prepare(small, tmp_path / "out", SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "small"]


def test_the_staging_folder_that_is_held_is_left_even_of_the_same_number(tmp_path: Path, small: Path):
    others = tmp_path / f".out.{os.getpid()}.part"  # as a process of another container may have it
    others.mkdir()
    lock = take(others / LOCK)
    assert lock is not None
    with lock:
        prepare(small, tmp_path / "out", SMALL)
        assert others.is_dir()
    prepare(small, tmp_path / "out", SMALL)
    assert not others.exists()


def test_hidden_folders_of_others_are_left(tmp_path: Path, small: Path):
    folders = [tmp_path / name for name in (".out.backup.part", ".out.1.2.part", ".out.2024.part", ".outx.1.part")]
    for folder in folders:
        folder.mkdir()
        (folder / "mine").write_text("mine")
    prepare(small, tmp_path / "out", SMALL)
    assert all((folder / "mine").is_file() for folder in folders)


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path):
    lock = take(tmp_path / "lock")
    assert lock is not None
    assert take(tmp_path / "lock") is None
    release(lock, tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
    again = take(tmp_path / "lock", must_lock=True)
    assert again is not None
    again.close()


@pytest.mark.parametrize("wrap", [0, 1, 3])
def test_class_folders_are_found_below_folders_that_wrap_them(tmp_path: Path, small: Path, wrap: int):
    source = tmp_path / "source"
    place = source.joinpath(*"pqr"[:wrap])
    place.parent.mkdir(parents=True, exist_ok=True)
    small.rename(place)
    assert found_classes(source) == COUNTS


def test_an_archive_reads_as_the_folder_that_it_was_made_of(tmp_path: Path, small: Path):
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
        for path in sorted(small.rglob("*.jpg")):
            archive.write(path, f"small/{path.relative_to(small).as_posix()}")
    prepare(small, tmp_path / "one", SMALL)
    prepare(tmp_path / "small.zip", tmp_path / "two", SMALL)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    (tmp_path / "holder").mkdir()
    (tmp_path / "small.zip").rename(tmp_path / "holder" / "small.zip")
    assert found_classes(tmp_path / "holder") == COUNTS
    assert not prepare(tmp_path / "holder", tmp_path / "one", SMALL).is_new
    assert not any(path.name.startswith(".") for path in tmp_path.iterdir())


def test_a_hostile_archive_is_refused_inside_an_archive_too(tmp_path: Path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("../x.jpg", IMAGE)
    for name, data in (("outer", inner.getvalue()), ("words", b"no archive"), ("deep", b"")):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("more.zip", data)
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        archive.write(tmp_path / "outer.zip", "outer.zip")
    for name, why in (("outer", "leads out"), ("words", "found text"), ("deep", "archive inside the archive")):
        with pytest.raises(ArchiveError, match=why):
            prepare(tmp_path / f"{name}.zip", tmp_path / "out", SMALL)
    assert {path.suffix for path in tmp_path.iterdir()} == {".zip"}


def test_a_missing_source_is_refused(tmp_path: Path):
    with pytest.raises(ArchiveError, match="no such file"):
        prepare(tmp_path / "none", tmp_path / "out", SMALL)


def test_progress_is_told_to_the_end(tmp_path: Path, small: Path):
    told: list[tuple[str, int, int]] = []
    prepare(small, tmp_path / "out", SMALL, on_progress=lambda *step: told.append(step))
    assert told[42] == ("reading images", 43, 43)
    assert told[-1] == ("writing", 40, 40)
    prepare(small, tmp_path / "out", SMALL, on_progress=lambda *step: told.append(step))
    assert told[-1] == ("comparing", 40, 40)


@pytest.mark.parametrize("name", ["a/0003.jpg", "x/0002.jpg"])
def test_a_file_that_does_not_decode_is_left_out_and_named(tmp_path: Path, small: Path, name: str):
    for data in (IMAGE[: len(IMAGE) // 2], b"<html>Sign in</html>", b""):
        (small / name).write_bytes(data)
        out = tmp_path / f"out{len(data)}"
        result = prepare(small, out, SMALL)
        assert remarks(result) == (f"1 files were left out, since they do not decode as images: {name}.",)
        assert json.loads((out / "prepare.json").read_text("utf-8"))["broken"] == [name]
        assert hashlib.sha256(data).hexdigest() not in set.union(*digests(out).values())
        assert sum(map(len, digests(out).values())) == 39


def test_many_files_that_do_not_decode_are_counted_and_the_first_named(tmp_path: Path, small: Path):
    for index in range(7):
        (small / "a" / f"{index:04}.jpg").write_bytes(b"none")
    (small / "z" / "0000.jpg").write_bytes(b"none")  # unused: nobody reads it
    (line,) = remarks(prepare(small, tmp_path / "out", SMALL))
    assert line.startswith("7 files were left out")
    assert line.endswith("a/0004.jpg and 2 more, which prepare.json names.")


def test_a_class_of_which_nothing_decodes_is_refused(tmp_path: Path, small: Path):
    for path in (small / "x").iterdir():
        path.write_bytes(b"none")
    with pytest.raises(DatasetError, match="x: expected images that decode"):
        prepare(small, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_a_small_calibration_part_is_warned_about_with_the_numbers(tmp_path: Path):
    for count, phrases in ((100, ["about 19 of its 35", "about 16 of its 35"]), (300, ["about 58 of its 105"])):
        source = write_tree(tmp_path / f"s{count}", {"a": count, "x": 3})
        protocol = Protocol(name="S", classes={"a": "id", "x": "ood"})
        lines = prepare(source, tmp_path / f"o{count}", protocol).warnings
        assert len(lines) == len(phrases)
        assert all(words in line for words, line in zip(phrases, lines, strict=True))
        assert "wants 341 for a ResNet-18" in lines[0] and "--allow-reduced-rank" in lines[0]
    alone = prepare(source, tmp_path / "alone", protocol, Shares(0.8, 0.0, 0.2))
    assert alone.warnings == ()


@pytest.mark.parametrize("change", ["altered", "gone", "added"])
def test_a_set_that_was_changed_is_not_there_already(tmp_path: Path, small: Path, change: str):
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:  # so that no file is a link to the source
        for path in sorted(small.rglob("*.jpg")):
            archive.write(path, path.relative_to(small).as_posix())
    prepare(tmp_path / "small.zip", tmp_path / "out", SMALL)
    path = sorted((tmp_path / "out" / "ood" / "x").iterdir())[0]
    if change == "altered":
        path.write_bytes(image("other"))
    elif change == "gone":
        path.unlink()
    else:
        path = path.with_name("more.jpg")
        path.write_bytes(image("more"))
    with pytest.raises(DatasetError, match=f"Found ood/x/{path.name} {change}"):
        prepare(tmp_path / "small.zip", tmp_path / "out", SMALL)


def test_a_set_whose_record_says_less_is_there_already(tmp_path: Path, small: Path):
    prepare(small, tmp_path / "out", SMALL)
    record = tmp_path / "out" / "prepare.json"
    fields = json.loads(record.read_text("utf-8"))
    del fields["broken"], fields["copies_in_unused"]  # as an earlier version wrote it
    record.write_text(json.dumps(fields), encoding="utf-8")
    assert not prepare(small, tmp_path / "out", SMALL).is_new


def wrapped(path: Path, method: int, inner: bytes, others: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("set.zip", inner)
        for index in range(others):
            archive.writestr(f"__MACOSX/{index}", b"")
    return path


@pytest.mark.parametrize("reader", [found_classes, lambda source: prepare(source, source.with_name("out"), SMALL)])
def test_the_archive_around_an_archive_is_checked_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Callable[[Path], object]
):
    monkeypatch.setattr(zipfile, "ZipExtFile", lambda *given: pytest.fail("unpacked"))
    bomb = wrapped(tmp_path / "bomb.zip", zipfile.ZIP_DEFLATED, bytes(30 * 2**20))
    with pytest.raises(ArchiveError, match="times its own size"):
        reader(bomb)
    with pytest.raises(ArchiveError, match="method 14 of packing"):
        reader(wrapped(tmp_path / "lzma.zip", zipfile.ZIP_LZMA, b"PK"))
    secret = wrapped(tmp_path / "secret.zip", zipfile.ZIP_STORED, b"PK")
    data = bytearray(secret.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    secret.write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        reader(secret)
    with pytest.raises(ArchiveError, match="at most 3 files; found 6"):
        found_classes(wrapped(tmp_path / "many.zip", zipfile.ZIP_STORED, b"PK", 5), ArchiveLimits(max_members=3))


def test_classes_of_an_archive_are_counted_without_unpacking_them(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
):
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
        for path in sorted(small.rglob("*.jpg")):
            archive.write(path, f"small/{path.relative_to(small).as_posix()}")
    wrapped(tmp_path / "outer.zip", zipfile.ZIP_STORED, (tmp_path / "small.zip").read_bytes())
    made = []
    real = tempfile.TemporaryDirectory

    @contextlib.contextmanager
    def counted(*given: object, **named: object) -> Iterator[str]:
        with real(*given, **named) as folder:  # type: ignore[call-overload]
            yield folder
            made.extend(path for path in Path(folder).rglob("*") if path.is_file())

    monkeypatch.setattr(tempfile, "TemporaryDirectory", counted)
    assert found_classes(tmp_path / "small.zip") == COUNTS
    assert made == []
    assert found_classes(tmp_path / "outer.zip") == COUNTS
    assert [path.name for path in made] == ["set.zip"]


def test_images_of_patients_keep_their_folders_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("a", "b"):
        for patient in range(6):
            place = root / name / f"p{patient}" / "1.png"  # one name for all: flat, they would be one file
            place.parent.mkdir(parents=True)
            Image.new("RGB", (16, 16), (patient * 20, 10 if name == "a" else 200, 0)).save(place)
    (root / "a" / "p0" / "scan.gif").write_bytes(b"x")
    protocol = Protocol(name="set", classes={"a": "id", "b": "id"})
    prepared = prepare(root, tmp_path / "out", protocol)
    assert sum(sum(classes.values()) for classes in prepared.counts.values()) == 12
    assert prepared.warnings[0] == "set: 12 images are read. Left out: 1 file of other kinds (.gif 1)."
    assert len(list((tmp_path / "out").glob("*/*/p*/1.png"))) == 12
    assert not prepare(root, tmp_path / "out", protocol).is_new
