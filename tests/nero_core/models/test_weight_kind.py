"""What is no file of weights is told by what it is, and a damaged one is never read as if it were sound."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nero_core.errors import CheckpointError
from nero_core.models.weight_file import read_weights

TENSORS = {"fc.weight": torch.arange(20_000.0).view(2, 10_000), "fc.bias": torch.ones(2)}
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 46830571\n"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.save(TENSORS, tmp_path / "a.pth")
    return tmp_path / "a.pth"


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors", ".SAFETENSORS"])
@pytest.mark.parametrize(
    ("content", "actual"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html>\n<html><head>", "a web page (HTML)"),
        (b"\n  <html lang='en'>", "a web page (HTML)"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page (HTML)"),
        (LFS, "a Git LFS pointer"),
        (b"/annex/objects/SHA256E-s46830571--ab.pth\n", "a git-annex pointer"),
        (b"Rate limit exceeded", "a text that begins with 'Rate limit exceeded'"),
        (b'{"error": "not found"}', "a text that begins with"),
        (bytes(5000), "nothing but zeros"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        (gzip.compress(b"weights", mtime=0), "a file packed with gzip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a picture"),
        (b"\x01\x02\xff\xfe" * 50, "no kind of weights that is known"),
    ],
)
def test_what_is_no_file_of_weights_is_told_by_its_content(tmp_path: Path, suffix: str, content: bytes, actual: str):
    file = tmp_path / f"a{suffix}"
    file.write_bytes(content)
    for unsafe in (False, True):
        with pytest.raises(CheckpointError) as caught:
            read_weights(file, unsafe)
        assert f"Found {actual}" in str(caught.value)
        assert "--unsafe-pickle" not in str(caught.value)


def zipped(*names: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x")

    return write


def arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def tarred(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a.pth"), io.BytesIO())


@pytest.mark.parametrize(
    ("write", "actual"),
    [
        (zipped("folder/best.pth", "folder/readme.txt"), "a zip around best.pth"),
        (zipped("model.weights.h5", "config.json"), "a model of Keras"),
        (arrays, "arrays of NumPy"),
        (zipped("a.txt"), "a zip of other files (first: 'a.txt')"),
        (tarred, "a tar archive"),
    ],
)
def test_an_archive_is_told_by_what_is_in_it(tmp_path: Path, write: Callable[[Path], object], actual: str):
    write(tmp_path / "a.pth")
    with pytest.raises(CheckpointError) as caught:
        read_weights(tmp_path / "a.pth")
    assert f"Found {actual}" in str(caught.value)


@pytest.mark.parametrize("name", ["A.SAFETENSORS", "a.Safetensors", "a.bin", "a", "a.pth"])
def test_safetensors_are_known_by_their_content_whatever_their_name(tmp_path: Path, name: str):
    save_file(TENSORS, tmp_path / name)
    assert torch.equal(read_weights(tmp_path / name)["fc.weight"], TENSORS["fc.weight"])


@pytest.mark.parametrize("name", ["A.PTH", "a.ckpt", "a"])
def test_what_torch_saves_is_known_by_its_content(tmp_path: Path, name: str):
    torch.save(TENSORS, tmp_path / name)
    assert torch.equal(read_weights(tmp_path / name)["fc.weight"], TENSORS["fc.weight"])


def place(file: Path, member: str) -> int:
    """Where the bytes of a member begin."""
    with zipfile.ZipFile(file) as archive:
        return file.read_bytes().index(next(archive.read(name) for name in archive.namelist() if name.endswith(member)))


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("member", ["/data/0", "/data/1", "/data.pkl", "/version"])
def test_one_flipped_bit_anywhere_is_refused(weights: Path, member: str, unsafe: bool):
    data, at = bytearray(weights.read_bytes()), place(weights, member)
    data[at] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match=rf"damaged in its part '\w+{member}', whose checksum.*Copy it again"):
        read_weights(weights, unsafe)


def test_a_block_of_zeros_within_the_numbers_is_refused(weights: Path):
    data, at = bytearray(weights.read_bytes()), place(weights, "/data/0")
    data[at + 4096 : at + 4096 + 65_536] = bytes(65_536)
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="whose checksum is another"):
        read_weights(weights)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_download_that_was_cut_short_is_refused_as_such(weights: Path, share: float):
    data = weights.read_bytes()
    weights.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match=r"cut short or damaged\. Copy it again"):
        read_weights(weights)


def test_weights_that_torch_wrote_without_checksums_are_read(tmp_path: Path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(TENSORS, tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_weights(tmp_path / "a.pth")["fc.weight"], TENSORS["fc.weight"])
