"""What a file that should hold weights is, by its first bytes: its suffix is only what somebody called it."""

import codecs
import zipfile
from pathlib import Path
from typing import Literal

from nero_core.errors import CheckpointError

WeightKind = Literal["safetensors", "zip", "pickle"]  # zip: what torch.save writes; pickle: what it wrote before

ZIP = b"PK\x03\x04"  # torch's own test
_HEAD = 4096  # bytes that are looked at
_MAX_SAFETENSORS_HEADER = 100_000_000  # bytes; the format's own limit
_POINTERS = {
    b"version https://git-lfs.github.com/": ("a Git LFS pointer, which stands for the file", "Run git lfs pull."),
    b"/annex/objects/": ("a git-annex pointer, which stands for the file", "Run git annex get."),
    b"../.git/annex/": ("a git-annex pointer, which stands for the file", "Run git annex get."),
}
_SAVE = "Save model.state_dict() with torch.save or safetensors."
_OTHERS = {  # how files begin that people give in the place of weights
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file, as Keras writes it", _SAVE),
    b"\x93NUMPY": ("an array of NumPy", _SAVE),
    b"\x1f\x8b": ("a file packed with gzip", "Unpack it, and give the file of weights in it."),
    b"BZh": ("a file packed with bzip2", "Unpack it, and give the file of weights in it."),
    b"\xfd7zXZ\x00": ("a file packed with xz", "Unpack it, and give the file of weights in it."),
    b"\x28\xb5\x2f\xfd": ("a file packed with zstd", "Unpack it, and give the file of weights in it."),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "Unpack it, and give the file of weights in it."),
    b"Rar!\x1a\x07": ("a RAR archive", "Unpack it, and give the file of weights in it."),
    b"GGUF": ("a GGUF file", _SAVE),
    b"%PDF-": ("a PDF document", "Give the file of weights."),
    b"\x89PNG\r\n\x1a\n": ("a picture", "Give the file of weights."),
    b"\xff\xd8\xff": ("a picture", "Give the file of weights."),
}
_TAR = (257, b"ustar")  # place and magic number (POSIX.1-1988)


def weight_kind(path: Path) -> WeightKind:
    """The kind of a file of weights, whatever its suffix.

    Args:
        path: a file that can be read.

    Raises:
        CheckpointError: it is no file of weights; the message says what it is as far as that shows.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        raise refused(path, "an empty file", "Copy or download it again.")
    if head.startswith(ZIP):
        return "zip"
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= min(_MAX_SAFETENSORS_HEADER, size - 8):
        return "safetensors"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:  # PROTO and its number, of which pickle knows five
        return "pickle"
    raise refused(path, *_other(path, head, size))


def zip_contents(path: Path, archive: zipfile.ZipFile) -> None:
    """See that a zip is one of ``torch.save``.

    Raises:
        CheckpointError: it is another one; the message says of what.
    """
    names = archive.namelist()
    if any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        return
    weights = next((name for name in names if Path(name).suffix.lower() in (".pth", ".pt", ".bin", ".safetensors")), "")
    if weights:
        raise refused(path, f"a zip around {Path(weights).name[:80]}", "Unpack it, and give that file.")
    if names and all(name.endswith(".npy") for name in names):
        raise refused(path, "arrays of NumPy (.npz)", _SAVE)
    if any(name.endswith((".h5", ".keras")) for name in names):
        raise refused(path, "a model of Keras", _SAVE)
    raise refused(path, f"a zip of other files (first: {names[0][:80]!r})" if names else "a zip of no files", _SAVE)


def refused(path: Path, actual: str, remedy: str) -> CheckpointError:
    """The error that a file is no file of weights."""
    return CheckpointError(
        f"Expected {path.name} to be a file of weights: .safetensors, or .pth and .pt as torch.save writes them. "
        f"Found {actual}. {remedy}"
    )


def _other(path: Path, head: bytes, size: int) -> tuple[str, str]:
    """What else it is, and what to do."""
    if size <= _HEAD:
        for start, said in _POINTERS.items():
            if head.startswith(start) or (start.startswith((b"/", b".")) and start in head):
                return said
    for start, what in _OTHERS.items():
        if head.startswith(start):
            return what
    place, magic = _TAR
    if head[place:].startswith(magic):
        return "a tar archive", "Unpack it, and give the file of weights in it."
    if path.suffix.lower() == ".onnx":
        return "an ONNX model", _SAVE
    if not any(head):
        return "nothing but zeros, as a download that was cut short leaves", "Copy or download it again."
    text = _text(head)
    if text.startswith("<"):
        return "a web page (HTML)", "Download the file itself, not the page about it."
    if text:
        return f"a text that begins with {text.splitlines()[0][:60]!r}", "Give the file of weights."
    return "no kind of weights that is known, or a damaged file", _SAVE


def _text(head: bytes) -> str:
    """The beginning where it is text, else nothing."""
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head).strip()
    except UnicodeDecodeError:
        return ""
    return text if all(letter.isprintable() or letter.isspace() for letter in text) else ""
