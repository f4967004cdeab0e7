"""What a file is, from its first bytes. Nothing is parsed, let alone unpickled."""

import struct

from nero_core.data.jpeg_frame import jpeg_frame

DICOM = "DICOM"
HEAD = 2048  # bytes that tell what a file is
_MARK = 128  # where a DICOM file has its own
_FILE_GROUP = b"\x02\0"  # with which the elements after the mark begin
VALUE_KINDS = frozenset(  # of DICOM (PS3.5, 6.2), two letters each
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)
_FIRST_GROUPS = (0x0002, 0x0008)  # with which a DICOM file begins: of the file itself, of the examination


def image_kind(data: bytes) -> str | None:
    """PNG, JPEG, TIFF, WebP, BMP or DICOM, or None for anything else.

    A DICOM file has 128 free bytes before its own mark, in which a scanner may write the beginning of a TIFF.
    """
    is_marked = data[_MARK : _MARK + 4] == b"DICM"
    if is_marked and data[_MARK + 4 : _MARK + 6] == _FILE_GROUP:
        return DICOM
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # the reserved bytes tell a bitmap from a word such as "BMI"
        return "BMP"
    return DICOM if is_marked or _is_bare_dicom(data[:HEAD]) else None


def kind_in_disguise(data: bytes, kind: str) -> str:
    """What a file that begins as ``kind``, but is not read as such, is in truth; "" where it is just that."""
    frame = jpeg_frame(data) if kind == "JPEG" else None
    return "" if frame is None else frame.unusual


def other_kind(data: bytes) -> str:
    """What a file that is none of ours looks like, in words for an error message."""
    head = data[:HEAD]
    lower = head.lower()
    for prefix, kind in (
        (b"GIF8", "a GIF"),
        (b"%PDF", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive or a PyTorch checkpoint"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
        (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
        (b"\xff\x0a", "a JPEG XL image"),  # the codestream alone
        (b"8BPS", "a Photoshop document"),
        (b"\x76\x2f\x31\x01", "an OpenEXR image"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"NRRD000", "an NRRD volume"),
        (b"II\xbc\x01", "a JPEG XR image"),
        (b"version https://git-lfs", "a Git LFS pointer in place of the file"),
    ):
        if head.startswith(prefix):
            return kind
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return "a NIfTI volume"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "an AVIF" if brand[:3] == b"avi" else "a HEIC" if brand[:2] in (b"he", b"mi", b"ms") else "a video"
    if len(head) > 1 and head[0] == 0x80 and head[1] in range(2, 6):
        return "a Python pickle"
    if b"<svg" in lower:
        return "an SVG drawing"
    if lower.lstrip().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(
        character.isprintable() or character.isspace() for character in text
    ):
        return "text"
    return "data of no known kind"


def _is_bare_dicom(head: bytes) -> bool:
    """Whether it begins with a DICOM element, without the 128 free bytes and the mark: as old exports do."""
    if len(head) < 16:
        return False
    for order in "<>":
        group, element = struct.unpack_from(f"{order}HH", head)
        if group not in _FIRST_GROUPS or element > 0x1000:
            continue
        if head[4:6] in VALUE_KINDS:  # explicit
            return True
        (length,) = struct.unpack_from(f"{order}I", head, 4)
        if length % 2 or not length <= 1024:  # values are of even length, and the first ones are short
            continue
        if 8 + length + 4 > len(head):
            continue
        following = struct.unpack_from(f"{order}HH", head, 8 + length)
        if (group, element) < following and following[0] <= 0x0010:
            return True
    return False
