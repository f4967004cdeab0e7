"""A bundle as one file: the same bytes each time, and nothing of a hostile file gets into place."""

import hashlib
import json
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from nero_core.calibration import Bundle, bundle_archive, card
from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
from nero_core.errors import BundleError

Members = dict[str, bytes]


def members_of(folder: Path) -> Members:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_zip(file: Path, members: Members, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file


@pytest.fixture(scope="module")
def packed(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("packed") / "tiny.nero.zip"
    pack_bundle(tiny_bundle, file)
    return file


def test_what_is_packed_comes_back_byte_by_byte_and_loads(packed: Path, tiny_bundle: Path, tmp_path: Path):
    unpacked = unpack_bundle(packed, tmp_path / "deep" / "bundle")
    assert members_of(tmp_path / "deep" / "bundle") == members_of(tiny_bundle)
    assert Bundle.load(tmp_path / "deep" / "bundle").card == unpacked
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["bundle"]


def test_references_are_packed_replaced_and_unpacked_like_the_rest(referenced_bundle: Path, tmp_path: Path):
    for _ in range(2):  # the second over the first
        pack_bundle(referenced_bundle, tmp_path / "a.nero.zip")
    unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "bundle")
    assert members_of(tmp_path / "bundle") == members_of(referenced_bundle)
    assert Bundle.load(tmp_path / "bundle").references is not None


def test_references_of_any_size_are_not_unpacked(
    referenced_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pack_bundle(referenced_bundle, tmp_path / "a.nero.zip")
    monkeypatch.setattr(card, "MAX_REFERENCES_BYTES", 100)
    with pytest.raises(BundleError, match=r"references\.safetensors of at most 100 bytes"):
        unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "bundle")
    with pytest.raises(BundleError, match=r"references\.safetensors of at most 100 bytes"):
        Bundle.load(referenced_bundle)


def test_equal_bundles_give_equal_bytes_whenever_they_are_packed(packed: Path, tiny_bundle: Path, tmp_path: Path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy, copy_function=shutil.copyfile)  # with other times
    (copy / "model.safetensors").chmod(0o600)
    pack_bundle(copy, tmp_path / "a.nero.zip")
    assert (tmp_path / "a.nero.zip").read_bytes() == packed.read_bytes()
    pack_bundle(copy, tmp_path / "a.nero.zip")  # over the older one
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nero.zip", "copy"]


def test_nothing_in_it_is_compressed_or_dated_and_names_are_sorted(packed: Path):
    with zipfile.ZipFile(packed) as archive:
        listed = archive.infolist()
    assert [info.filename for info in listed] == sorted(info.filename for info in listed)
    assert {info.compress_type for info in listed} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in listed} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("name", ["tiny.zip", "tiny", ".nero.zip"])
def test_a_name_without_the_suffix_is_refused(tiny_bundle: Path, tmp_path: Path, name: str):
    with pytest.raises(BundleError, match=r"ends in \.nero\.zip"):
        pack_bundle(tiny_bundle, tmp_path / name)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["banks.safetensors", "bundle.json", "model.safetensors"])
def test_a_bundle_that_was_altered_is_not_packed(tiny_bundle: Path, tmp_path: Path, name: str):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_bundle, copy)
    (copy / name).write_bytes((copy / name).read_bytes()[:-2])
    with pytest.raises(BundleError, match=r"altered|bundle card"):
        pack_bundle(copy, tmp_path / "a.nero.zip")
    (copy / name).unlink()
    with pytest.raises(BundleError, match=r"no such file|no bundle\.json"):
        pack_bundle(copy, tmp_path / "a.nero.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_the_same_bundle_being_there_already_is_fine(packed: Path, tiny_bundle: Path, tmp_path: Path):
    unpack_bundle(packed, tmp_path / "bundle")
    assert unpack_bundle(packed, tmp_path / "bundle").title == "Tiny"
    assert members_of(tmp_path / "bundle") == members_of(tiny_bundle)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_the_same_bundle_damaged_is_told(packed: Path, tmp_path: Path):
    unpack_bundle(packed, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    for _ in ("altered", "missing"):
        with pytest.raises(BundleError, match=r"Found model\.safetensors altered.*damaged; remove it first"):
            unpack_bundle(packed, tmp_path / "bundle")
        weights.unlink(missing_ok=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize("content", [b"mine", b"", None])
def test_a_file_that_is_no_packed_bundle_is_not_replaced(tiny_bundle: Path, tmp_path: Path, content: bytes | None):
    file = tmp_path / "a.nero.zip"
    if content is None:
        write_zip(file, {"bundle.json": b"{}", "work.txt": b"mine"})
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    with pytest.raises(BundleError, match=r"Found something else\. Name another file"):
        pack_bundle(tiny_bundle, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.nero.zip"]


def test_a_table_of_contents_of_too_many_files_is_not_parsed(
    packed: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bundle_archive, "LIMITS", replace(bundle_archive.LIMITS, max_members=3))
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("The table was parsed."))
    with pytest.raises(BundleError, match="more than 3 files"):
        unpack_bundle(packed, tmp_path / "bundle")
    with pytest.raises(BundleError, match="Expected fewer than 3 files"):
        pack_bundle(tiny_bundle, tmp_path / "a.nero.zip")


def test_an_empty_folder_is_filled(packed: Path, tiny_bundle: Path, tmp_path: Path):
    unpack_bundle(packed, tmp_path)
    assert members_of(tmp_path) == members_of(tiny_bundle)


def test_another_bundle_or_other_files_are_never_overwritten(packed: Path, tiny_bundle: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(tiny_bundle, other)
    card = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps(card | {"title": "Other"}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = members_of(tmp_path)
    for place, message in (("other", "Found another bundle"), ("mine", "Found other files"), ("file", "Found a file")):
        with pytest.raises(BundleError, match=message):
            unpack_bundle(packed, tmp_path / place)
    assert members_of(tmp_path) == before


def with_name(name: str) -> Callable[[Members], Members]:
    return lambda members: members | {name: b"x"}


def listing(name: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        card = json.loads(members["bundle.json"])
        card["files"][name] = hashlib.sha256(b"x").hexdigest()
        return members | {"bundle.json": json.dumps(card).encode(), name: b"x"}

    return change


def altered(members: Members) -> Members:
    data = members["banks.safetensors"]
    return members | {"banks.safetensors": data[:-1] + bytes([data[-1] ^ 1])}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_name("../escaped"), r"a foreign file \(first: '\.\./escaped'\)"),
        (with_name("/tmp/escaped"), "a foreign file"),
        (with_name("run.sh"), "a foreign file"),
        (with_name(f"thumbnails/{'0' * 64}.webp"), "a foreign file"),
        (listing("../escaped"), r"Found the name '\.\./escaped'"),
        (listing("thumbnails/../../escaped.webp"), "Found the name"),
        (altered, r"for banks\.safetensors in hostile\.nero\.zip.*altered"),
        (lambda members: {name: data for name, data in members.items() if name != "bundle.json"}, "no bundle.json"),
        (lambda members: {name: data for name, data in members.items() if name != "model.safetensors"}, "missing file"),
        (lambda members: members | {"bundle.json": b"{}"}, r"bundle\.json in hostile\.nero\.zip to be a bundle card"),
        (lambda members: members | {"bundle.json": b"\xff"}, "bundle card"),
    ],
)
def test_a_hostile_or_broken_archive_is_refused_and_leaves_nothing(
    tiny_bundle: Path, tmp_path: Path, change: Callable[[Members], Members], message: str
):
    file = write_zip(tmp_path / "hostile.nero.zip", change(members_of(tiny_bundle)))
    with pytest.raises(BundleError, match=message):
        unpack_bundle(file, tmp_path / "place" / "bundle")
    assert members_of(tmp_path).keys() == {"hostile.nero.zip"}
    assert not (tmp_path / "place" / "bundle").exists()


def test_a_compressed_archive_is_refused(tiny_bundle: Path, tmp_path: Path):
    """So that no byte is written that is not in the file."""
    file = write_zip(tmp_path / "a.nero.zip", members_of(tiny_bundle), zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="compressed or encrypted"):
        unpack_bundle(file, tmp_path / "bundle")


def test_a_link_is_refused(tiny_bundle: Path, tmp_path: Path):
    members = members_of(tiny_bundle)
    data = members.pop("banks.safetensors")
    file = write_zip(tmp_path / "a.nero.zip", members)
    link = zipfile.ZipInfo("banks.safetensors")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, data)
    with pytest.raises(BundleError, match=r"a link \('banks\.safetensors'\)"):
        unpack_bundle(file, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["a.nero.zip"]


def test_a_name_that_comes_twice_is_refused(packed: Path, tmp_path: Path):
    file = tmp_path / "a.nero.zip"
    shutil.copyfile(packed, file)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("bundle.json", b"{}")
    with pytest.raises(BundleError, match="a name twice"):
        unpack_bundle(file, tmp_path / "bundle")


def test_entries_that_share_their_bytes_are_refused(packed: Path, tmp_path: Path):
    """Two entries of the table of contents that point at the same large file."""
    data = bytearray(packed.read_bytes())
    at = {}
    position = data.rfind(b"PK\x01\x02", 0, data.index(b"PK\x01\x02") + 4)
    with zipfile.ZipFile(packed) as archive:
        for info in archive.infolist():
            at[info.filename] = position
            position += 46 + len(info.filename)
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    for name in [entry for entry in at if entry.startswith("thumbnails/")]:
        struct.pack_into("<II", data, at[name] + 20, sizes["model.safetensors"], sizes["model.safetensors"])
    (tmp_path / "a.nero.zip").write_bytes(data)
    with pytest.raises(BundleError, match="larger than the file"):
        unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("module", "limit"),
    [(bundle_archive, "MAX_CARD_BYTES"), (card, "MAX_THUMBNAIL_BYTES"), (card, "MAX_WEIGHT_BYTES")],
)
def test_sizes_are_bounded(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str
):
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(BundleError, match="at most 100 bytes"):
        unpack_bundle(packed, tmp_path / "bundle")
    assert not any(tmp_path.iterdir())


def test_a_table_of_contents_of_any_size_is_not_read(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundle_archive, "LIMITS", replace(bundle_archive.LIMITS, max_directory_bytes=1000))
    with pytest.raises(BundleError, match="table of contents above 1000 bytes"):
        unpack_bundle(packed, tmp_path / "bundle")


@pytest.mark.parametrize("size", [0, 10, 1000, -1, -30])
def test_a_file_that_is_cut_short_is_refused(packed: Path, tmp_path: Path, size: int):
    (tmp_path / "a.nero.zip").write_bytes(packed.read_bytes()[:size])
    with pytest.raises(BundleError, match=r"a\.nero\.zip to be a bundle in one file"):
        unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["a.nero.zip"]


@pytest.mark.parametrize("offset", range(0, 3000, 137))
def test_a_flipped_byte_never_gets_into_place_unseen(packed: Path, tiny_bundle: Path, tmp_path: Path, offset: int):
    data = bytearray(packed.read_bytes())
    data[-1 - offset] ^= 0xFF
    (tmp_path / "a.nero.zip").write_bytes(data)
    try:
        unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "bundle")
    except BundleError:
        assert [path.name for path in tmp_path.iterdir()] == ["a.nero.zip"]
    else:  # a byte that says nothing of the contents, such as a date
        assert members_of(tmp_path / "bundle") == members_of(tiny_bundle)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path):
    for file in (tmp_path / "none.nero.zip", tmp_path):
        with pytest.raises(BundleError):
            unpack_bundle(file, tmp_path / "bundle")
    assert not any(tmp_path.iterdir())
