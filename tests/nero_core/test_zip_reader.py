"""A hostile zip is refused by what is wrong with it, before anything of it is trusted."""

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nero_core.zip_reader import ZipError, ZipLimits, check_plain, check_sizes, open_zip, pieces

LIMITS = ZipLimits(max_members=8, max_directory_bytes=4000, max_bytes=10**6, max_ratio=100, ratio_from=1000)


def packed(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def read(path: Path, limits: ZipLimits = LIMITS, most: int = 10**6) -> dict[str, bytes]:
    """Everything in it, in the order in which a user checks and reads."""
    with path.open("rb") as file, open_zip(file, limits) as archive:
        for info in archive.infolist():
            check_plain(info, limits)
        check_sizes(archive.infolist(), path.stat().st_size, limits)
        return {info.filename: b"".join(pieces(archive, info, most)) for info in archive.infolist()}


def refused(path: Path, kind: str, limits: ZipLimits = LIMITS, most: int = 10**6) -> ZipError:
    with pytest.raises(ZipError) as caught:
        read(path, limits, most)
    assert caught.value.kind == kind
    return caught.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_was_packed_is_read(tmp_path: Path, method: int):
    files = {"a": b"", "folder/b": bytes(range(256)) * 20}
    assert read(packed(tmp_path / "x.zip", files, method)) == files


def test_a_member_comes_in_pieces(tmp_path: Path):
    data = bytes(5 * 2**20)
    path = packed(tmp_path / "x.zip", {"a": data})
    limits = ZipLimits(max_members=8, max_directory_bytes=4000)
    with path.open("rb") as file, open_zip(file, limits) as archive:
        sizes = [len(piece) for piece in pieces(archive, archive.getinfo("a"), len(data))]
    assert sum(sizes) == len(data)
    assert max(sizes) <= 2**20


@pytest.mark.parametrize("size", [0, 10, -1, -30])
def test_a_zip_that_is_cut_short_is_refused(tmp_path: Path, size: int):
    path = packed(tmp_path / "x.zip", {"a": b"x" * 100})
    path.write_bytes(path.read_bytes()[:size])
    refused(path, "cut")


def test_too_many_members_are_refused_before_any_becomes_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = packed(tmp_path / "x.zip", {str(index): b"" for index in range(9)})
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("an entry was read"))
    assert refused(path, "members").amount == 9


def test_a_large_directory_is_not_read(tmp_path: Path):
    error = refused(packed(tmp_path / "x.zip", {f"{index}{'a' * 1000}": b"" for index in range(5)}), "directory")
    assert error.amount > 5000


def test_members_that_look_like_a_directory_are_read(tmp_path: Path):
    files = {"a": b"PK\x01\x02" * 1000}
    assert read(packed(tmp_path / "x.zip", files)) == files


@pytest.mark.parametrize(
    ("mode", "kind"), [(stat.S_IFLNK, "link"), (stat.S_IFIFO, "special"), (stat.S_IFCHR, "special")]
)
def test_links_and_special_files_are_refused(tmp_path: Path, mode: int, kind: str):
    info = zipfile.ZipInfo("odd")
    info.create_system, info.external_attr = 3, (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    assert refused(tmp_path / "x.zip", kind).member == "odd"


def changed(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def test_a_member_with_a_password_is_refused(tmp_path: Path):
    def encrypt(data: bytearray) -> None:
        data[data.index(b"PK\x01\x02") + 8] |= 1

    assert refused(changed(packed(tmp_path / "x.zip", {"a": b"x"}), encrypt), "encrypted").member == "a"


def test_other_ways_of_packing_are_refused(tmp_path: Path):
    assert refused(packed(tmp_path / "x.zip", {"a": b"x"}, zipfile.ZIP_LZMA), "method").amount == zipfile.ZIP_LZMA
    stored = ZipLimits(max_members=8, max_directory_bytes=4000, methods=(zipfile.ZIP_STORED,))
    refused(packed(tmp_path / "y.zip", {"a": b"x"}, zipfile.ZIP_DEFLATED), "method", stored)


def test_too_many_bytes_and_too_large_a_ratio_are_refused(tmp_path: Path):
    path = packed(tmp_path / "x.zip", {"a": bytes(600_000), "b": bytes(600_000)}, zipfile.ZIP_DEFLATED)
    assert refused(path, "bytes").amount == 1_200_000
    bomb = packed(tmp_path / "y.zip", {"a": bytes(600_000)}, zipfile.ZIP_DEFLATED)
    assert refused(bomb, "ratio").amount > 100
    small = packed(tmp_path / "z.zip", {"a": bytes(1000)}, zipfile.ZIP_DEFLATED)
    assert read(small)["a"] == bytes(1000)  # however well it is packed


def test_members_that_share_bytes_are_refused(tmp_path: Path):
    def overlap(data: bytearray) -> None:
        second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
        struct.pack_into("<I", data, second + 42, 4)  # where the second member begins

    path = changed(packed(tmp_path / "x.zip", {"a": b"x" * 100, "b": b"y" * 100}), overlap)
    refused(path, "shared")


def test_a_damaged_member_is_refused(tmp_path: Path):
    def flip(data: bytearray) -> None:
        data[data.index(b"x" * 100) + 50] ^= 0xFF

    assert refused(changed(packed(tmp_path / "x.zip", {"a": b"x" * 100}), flip), "damaged").member == "a"


def test_a_member_has_no_more_bytes_than_it_may_have(tmp_path: Path):
    error = refused(packed(tmp_path / "x.zip", {"a": b"x" * 100}), "longer", most=99)
    assert (error.member, error.expected) == ("a", 99)


@pytest.mark.parametrize("claimed", [10, 10**5])
def test_a_directory_that_lies_about_a_size_is_caught(tmp_path: Path, claimed: int):
    def lie(data: bytearray) -> None:
        for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            struct.pack_into("<I", data, data.index(signature) + offset, claimed)

    path = changed(packed(tmp_path / "x.zip", {"a": b"x" * 2000}, zipfile.ZIP_DEFLATED), lie)
    with pytest.raises(ZipError) as caught:
        read(path, ZipLimits(max_members=8, max_directory_bytes=4000))
    assert caught.value.kind in ("damaged", "other size")
