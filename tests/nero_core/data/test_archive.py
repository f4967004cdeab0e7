"""Archives: what is unpacked and how it is laid out; everything hostile is refused by name and leaves nothing."""

import io
import os
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from nero_core.data import check_archive as handed_on
from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveLimits, check_archive, unpacked
from nero_core.data.folders import read_folder
from nero_core.data.left_out import LeftOut
from nero_core.errors import ArchiveError, NeroError


def picture(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, 10, 10)).save(buffer, "PNG")
    return buffer.getvalue()


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def entry(name: str, **fields: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # past ZipInfo's own cleaning
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def pack_entry(path: Path, info: zipfile.ZipInfo, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/good.png", picture())
        archive.writestr(info, data)
    return path


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, so that a test can say that none is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def tree(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def refuse(path: Path, match: str, limits: ArchiveLimits = ARCHIVE_LIMITS, temporary: Path | None = None) -> None:
    """Both ways in refuse, in one sentence that names the archive."""
    with pytest.raises(ArchiveError, match=match) as first:
        check_archive(path, limits)
    with pytest.raises(ArchiveError, match=match), unpacked(path, limits):
        pass
    assert "\n" not in str(first.value)
    assert str(first.value).startswith(path.name)


def test_a_folder_is_yielded_as_it_is(tmp_path: Path) -> None:
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path
    assert tmp_path.is_dir()


@pytest.mark.parametrize("wrap", ["", "set/", "set/deeper/"])
def test_class_folders_are_found_below_what_wraps_them(tmp_path: Path, temporary: Path, wrap: str) -> None:
    polyp, two = picture(1), picture(2)
    archive = pack(tmp_path / "set.zip", {f"{wrap}polyps/1.png": polyp, f"{wrap}cecum/2.PNG": two})
    with unpacked(archive) as folder:
        files = read_folder(folder)
        assert files.classes == ("cecum", "polyps")
        assert [path.read_bytes() for path in files.paths] == [two, polyp]
        assert folder.name == "set"
    assert not any(temporary.iterdir())


def test_one_class_folder_is_no_wrapper(tmp_path: Path) -> None:
    assert check_archive(pack(tmp_path / "s.zip", {"polyps/1.png": picture()})).classes == {"polyps": 1}


def test_images_at_the_top_become_one_class_named_after_the_archive(tmp_path: Path) -> None:
    with unpacked(pack(tmp_path / "polyps.zip", {"1.png": picture(), "2.png": picture(2)})) as folder:
        assert read_folder(folder).classes == ("polyps",)
        assert tree(folder) == ["polyps/1.png", "polyps/2.png"]


def test_a_picture_beside_wrapped_class_folders_does_not_move_them(tmp_path: Path) -> None:
    files = {"set/cover.png": picture(), "set/a/1.png": picture(1), "set/b/1.png": picture(2)}
    contents = check_archive(pack(tmp_path / "set.zip", files))
    assert (contents.classes, contents.skipped) == ({"a": 1, "b": 1}, 1)


@pytest.mark.parametrize("images", [1, 12])
@pytest.mark.parametrize("stray", ["cover.png", "set/cover.png"])
def test_a_stray_picture_does_not_cost_the_classes(tmp_path: Path, stray: str, images: int) -> None:
    files = {f"set/{name}/{index}.png": picture(index) for name in "ab" for index in range(images)}
    archive = pack(tmp_path / "set.zip", {stray: picture(99), **files})
    told: list[LeftOut] = []
    with unpacked(archive, on_left_out=told.append) as folder:
        assert read_folder(folder).classes == ("a", "b")
        assert len(read_folder(folder)) == 2 * images
    (left_out,) = told
    read = f"set.zip: {2 * images} images are read. Left out: 1 image beside the class folders."
    assert str(left_out) == read


def test_images_of_patients_are_unpacked_with_their_folders(tmp_path: Path) -> None:
    files = {f"set/{name}/p{patient}/1.png": picture(patient) for name in "ab" for patient in (1, 2)}
    with unpacked(pack(tmp_path / "set.zip", files)) as folder:
        assert tree(folder) == ["a/p1/1.png", "a/p2/1.png", "b/p1/1.png", "b/p2/1.png"]
        assert read_folder(folder).labels == (0, 0, 1, 1)


def test_images_at_the_top_outnumber_one_folder_beside_them_and_all_are_read(tmp_path: Path) -> None:
    files = {f"{index}.png": picture(index) for index in range(24)} | {"more/1.png": picture(99)}
    contents = check_archive(pack(tmp_path / "ood.zip", files))
    assert (contents.classes, contents.skipped) == ({"ood": 25}, 0)


def utf8_without_flag(path: Path, name: str, extra: bytes = b"") -> Path:
    """As macOS and Debian's zip pack: the bytes are UTF-8, and nothing says so."""
    raw = name.encode()
    info = zipfile.ZipInfo("a/" + "x" * (len(raw) - 2))
    info.extra = extra
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, picture())
        archive.writestr("b/1.png", picture(1))
    data = path.read_bytes().replace(b"a/" + b"x" * (len(raw) - 2), raw)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_utf_8_without_their_flag_are_read_as_such(tmp_path: Path, form: str) -> None:
    name = unicodedata.normalize(form, "Ösophagitis/Bild-ä.png")
    archive = utf8_without_flag(tmp_path / "mac.zip", name)
    assert set(check_archive(archive).classes) == {"Ösophagitis", "b"}
    with unpacked(archive) as folder:
        assert read_folder(folder, ["Ösophagitis", "b"]).labels == (0, 1)


def test_names_in_the_old_code_page_stay_as_they_are(tmp_path: Path) -> None:
    path = utf8_without_flag(tmp_path / "dos.zip", "x/y.png")
    path.write_bytes(path.read_bytes().replace(b"x/y.png", b"\x94/y.png"))  # ö of code page 437, no UTF-8
    assert set(check_archive(path).classes) == {"ö", "b"}


def test_a_name_that_hides_its_way_out_in_utf_8_is_refused(tmp_path: Path) -> None:
    field = struct.pack("<BI", 1, zlib.crc32("ä/x.png".encode())) + b"../x.png"
    extra = struct.pack("<HH", 0x7075, len(field)) + field
    refuse(utf8_without_flag(tmp_path / "evil.zip", "ä/x.png", extra), "leads out of the archive")


def test_what_is_no_image_is_skipped_and_counted(tmp_path: Path) -> None:
    files = {
        "set/": b"",
        "set/a/1.png": picture(),
        "set/b/1.png": picture(1),
        "set/a/notes.txt": b"words",
        "set/a/.hidden.png": picture(),
        "set/a/Thumbs.db": b"thumbs",
        "set/.DS_Store": b"store",
        "__MACOSX/set/a/._1.png": b"fork",
        "__MACOSX/more.zip": b"fork",
    }
    archive = pack(tmp_path / "set.zip", files)
    contents = check_archive(archive)
    assert (contents.classes, contents.skipped) == ({"a": 1, "b": 1}, 6)
    assert contents.left_out.reasons == "2 files of other kinds (.db 1, .txt 1); 4 hidden"
    assert contents.bytes == len(picture()) + len(picture(1))
    with unpacked(archive) as folder:
        assert tree(folder) == ["a/1.png", "b/1.png"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/x.png", "absolute path"),
        ("../x.png", "leads out of the archive"),
        ("a/../../x.png", "leads out of the archive"),
        ("..\\x.png", "backslash"),
        ("a\\x.png", "backslash"),
        ("C:/x.png", "drive letter"),
        ("C:x.png", "drive letter"),
        ("a/x.png:stream.png", "drive letter"),
        ("a/x.png\0.txt", "control characters"),
        ("a/x\x1b[2J.png", "control characters"),
        ("a/x\n.png", "control characters"),
        ("a//x.png", "empty part"),
        ("./x.png", "empty part"),
        ("/".join("abcdefghijklmn") + "/x.png", "14 folders deep"),
        ("a/" + "é" * 130 + ".png", "longer than 255 bytes"),
        ("../readme.txt", "leads out of the archive"),
        ("a/nul.png", "Windows keeps for itself"),
        ("Com1/x.png", "Windows keeps for itself"),
        ("a/LPT9 .tar.png", "Windows keeps for itself"),
        ("a./x.png", "ends with a dot"),
        ("a /x.png", "ends with a dot or a space"),
        ("a/x.png.", "ends with a dot"),
    ],
)
def test_a_name_that_could_do_harm_is_refused(tmp_path: Path, name: str, why: str) -> None:
    archive = pack_entry(tmp_path / "evil.zip", entry(name), picture())
    refuse(archive, why)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip", "temporary"]


@pytest.mark.parametrize(
    ("mode", "why"), [(stat.S_IFLNK, "symbolic link"), (stat.S_IFIFO, "special file"), (stat.S_IFCHR, "special file")]
)
def test_links_and_special_files_are_refused(tmp_path: Path, mode: int, why: str) -> None:
    link = entry("a/link.png", create_system=3, external_attr=(mode | 0o777) << 16)
    refuse(pack_entry(tmp_path / "links.zip", link, b"/etc/passwd"), why)


def test_a_file_with_a_password_is_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "secret.zip", {"a/x.png": picture()})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refuse(archive, "encrypted")


@pytest.mark.parametrize("name", ["a/more.zip", "a/more.tar.gz", "more.7z", "MORE.RAR"])
def test_an_archive_inside_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    refuse(pack(tmp_path / "nested.zip", {"a/x.png": picture(), name: b"PK"}), "archive inside the archive")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_an_unusual_method_of_packing_is_refused(tmp_path: Path, method: int) -> None:
    refuse(pack(tmp_path / "odd.zip", {"a/x.png": picture()}, method), "method 1[24] of packing")


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/x.png", picture())
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a/x.png", picture(1))
    refuse(path, "same name twice")


@pytest.mark.parametrize(
    ("first", "second"), [("a/X.png", "a/x.png"), ("A/x.png", "a/x.png"), ("a/é.png", "a/e\u0301.png")]
)
def test_names_that_are_one_on_some_systems_are_refused(tmp_path: Path, first: str, second: str) -> None:
    refuse(pack(tmp_path / "case.zip", {first: picture(), second: picture(1)}), "differs in case only")


@pytest.mark.parametrize(("first", "second"), [("Polyps", "polyps"), ("s/a", "S/b"), ("é", "e\u0301")])
def test_folders_that_are_one_on_some_systems_are_refused(tmp_path: Path, first: str, second: str) -> None:
    archive = pack(tmp_path / "case.zip", {f"{first}/1.png": picture(), f"{second}/2.png": picture(1)})
    refuse(archive, "a folder that differs in case only")


@pytest.mark.parametrize("name", ["a/con-1.png", "a/com10.png", "console/nul1.png", "aux a/x.png"])
def test_names_that_only_begin_like_those_of_windows_are_kept(tmp_path: Path, name: str) -> None:
    assert check_archive(pack(tmp_path / "set.zip", {name: picture()})).skipped == 0


def test_a_file_and_a_folder_of_one_name_are_refused(tmp_path: Path) -> None:
    refuse(pack(tmp_path / "both.zip", {"a/x.png": picture(), "a/x.png/y.png": picture()}), "a file and a folder")


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "many.zip", {f"a/{index}.png": picture() for index in range(9)})
    refuse(archive, "at most 8 files; found 9", ArchiveLimits(max_members=8))


def test_too_many_entries_are_refused_before_any_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = pack(tmp_path / "many.zip", {f"{index}": b"" for index in range(9)})
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *given: pytest.fail("an entry was read"))
    refuse(archive, "at most 8 files; found 9", ArchiveLimits(max_members=8))


def test_a_file_may_be_longer_than_the_directory_of_few(tmp_path: Path) -> None:
    inner = pack(tmp_path / "inner.zip", {f"{index}": b"" for index in range(50)}).read_bytes()  # entries as data
    archive = pack(tmp_path / "one.zip", {"a/x.png": picture() + inner}, zipfile.ZIP_STORED)
    with unpacked(archive, ArchiveLimits(max_members=2)) as folder:
        assert tree(folder) == ["a/x.png"]


def test_a_directory_larger_than_its_files_could_need_is_not_even_read(tmp_path: Path) -> None:
    archive = pack(tmp_path / "wide.zip", {f"a/{index:0200}.png": picture() for index in range(9)})
    refuse(archive, "found a directory of", ArchiveLimits(max_members=8))


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "big.zip", {"a/x.png": os.urandom(3000), "a/y.png": os.urandom(3000)})
    refuse(archive, "x.png: expected a file of at most", ArchiveLimits(max_file_bytes=2000))
    refuse(archive, "big.zip: expected at most .* once unpacked", ArchiveLimits(max_bytes=5000))


def test_a_bomb_is_refused_by_its_ratio(tmp_path: Path) -> None:
    refuse(pack(tmp_path / "bomb.zip", {"a/x.bmp": bytes(20 * 2**20)}), "times its own size")


def test_files_that_share_bytes_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "overlap.zip", {"a/x.png": picture(), "a/y.png": picture()})
    data = bytearray(archive.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second + 42 : second + 46] = struct.pack("<I", 4)  # where the second member begins
    archive.write_bytes(data)
    refuse(archive, "share bytes")


def rewrite_size(archive: Path, size: int) -> None:
    """Let both headers of the only member claim another unpacked size."""
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.index(signature) + offset
        data[start : start + 4] = struct.pack("<I", size)
    archive.write_bytes(data)


@pytest.mark.parametrize("claimed", [10, 10**6])
def test_a_header_that_lies_about_the_size_is_caught_while_unpacking(
    tmp_path: Path, temporary: Path, claimed: int
) -> None:
    archive = pack(tmp_path / "liar.zip", {"a/x.png": picture() * 100})
    rewrite_size(archive, claimed)
    with pytest.raises(ArchiveError, match=r"liar\.zip: x\.png: "), unpacked(archive):
        pass
    assert not any(temporary.iterdir())


def test_a_file_that_was_damaged_is_refused_and_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    archive = pack(tmp_path / "bad.zip", {"a/x.png": picture(), "a/y.png": os.urandom(500)}, zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[data.index(b"a/y.png") + 100] ^= 0xFF
    archive.write_bytes(data)
    assert check_archive(archive).classes == {"a": 2}
    with pytest.raises(ArchiveError, match=r"y\.png: .*damaged"), unpacked(archive):
        pass
    assert not any(temporary.iterdir())


@pytest.mark.parametrize("left", [0, 2, 40, 200, -1, -30])
def test_a_truncated_archive_is_refused(tmp_path: Path, left: int) -> None:
    archive = pack(tmp_path / "cut.zip", {f"a/{index}.png": picture() for index in range(4)})
    archive.write_bytes(archive.read_bytes()[:left])
    refuse(archive, "an empty file" if left == 0 else "truncated or damaged")


def test_bytes_changed_anywhere_are_refused_or_harmless(tmp_path: Path, temporary: Path) -> None:
    whole = pack(tmp_path / "x.zip", {"a/x.png": picture(), "b/y.png": picture(1)}).read_bytes()
    archive, outcomes = tmp_path / "changed.zip", set()
    for index in range(0, len(whole), 3):  # every third: enough, in a third of the time
        archive.write_bytes(whole[:index] + bytes([whole[index] ^ 0xFF]) + whole[index + 1 :])
        try:
            with unpacked(archive) as folder:
                outcomes.add("harmless")
                assert all(path.is_relative_to(temporary) for path in folder.rglob("*"))
        except ArchiveError:
            outcomes.add("refused")
    assert outcomes == {"harmless", "refused"}
    assert not any(temporary.iterdir())


@pytest.mark.parametrize(
    ("data", "actual"),
    [(b"", "an empty file"), (b"words", "text"), (picture(), "no known kind"), (b"\x1f\x8b\x08", "gzip")],
)
def test_what_is_no_zip_is_refused_by_kind(tmp_path: Path, data: bytes, actual: str) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    refuse(path, actual)


def test_a_program_that_carries_an_archive_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", {"a/x.png": picture()})
    path.write_bytes(b"MZ" + path.read_bytes())
    refuse(path, "expected a folder or a .zip file")


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    refuse(tmp_path / "none.zip", "no such file")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    refuse(tmp_path / "pipe.zip", "not a regular file")


def test_a_folder_has_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="found a folder"):
        check_archive(tmp_path)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no image"),
        ({"a/notes.txt": b"words"}, "no image"),
        ({"train/a/1.png": picture(), "test/a/1.png": picture()}, "nowhere but deeper"),
    ],
)
def test_an_archive_without_images_where_they_belong_is_refused(
    tmp_path: Path, files: dict[str, bytes], why: str
) -> None:
    refuse(pack(tmp_path / "set.zip", files), f"{why}|truncated" if not files else why)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_temporary_folder_goes_however_the_block_ends(
    tmp_path: Path, temporary: Path, error: type[BaseException]
) -> None:
    archive = pack(tmp_path / "set.zip", {"a/x.png": picture()})
    with pytest.raises(error), unpacked(archive) as folder:
        assert folder.is_relative_to(temporary)
        raise error
    assert not any(temporary.iterdir())


def test_the_temporary_folder_can_be_made_elsewhere(tmp_path: Path, temporary: Path) -> None:
    archive = pack(tmp_path / "set.zip", {"a/x.png": picture()})
    with unpacked(archive, inside=tmp_path) as folder:
        assert folder.parent.parent == tmp_path
        assert not any(temporary.iterdir())


def test_a_disk_without_room_is_told_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(tmp_path / "set.zip", {"a/x.png": picture()})
    monkeypatch.setattr("nero_core.data.archive.shutil.disk_usage", lambda path: _Full())
    with pytest.raises(ArchiveError, match="of room to unpack it"), unpacked(archive):
        pass


class _Full:
    free = 10


def test_the_core_hands_the_check_on(tmp_path: Path) -> None:
    assert handed_on is check_archive
    assert issubclass(ArchiveError, NeroError)
