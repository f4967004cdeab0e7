"""A PNG without the parts that nothing here reads: colour profile and text, which may be large or unpack to much.

Pillow refuses a picture for more than 1 MB of either. Only text that may tell the orientation stays.
"""

import struct
import zlib

MAX_PARTS = 500_000  # each takes a fraction of a µs; a picture in parts of 8 kB has 6,400 at most
MAX_TEXT = 2**20  # bytes, packed or not, of a text that stays; as Pillow takes at most
_ORIENTED = (b"Raw profile type exif", b"Raw profile type APP1", b"XML:com.adobe.xmp")
_SIGNATURE = 8  # bytes


def without_metadata(data: bytes) -> bytes:
    """The same picture; a PNG that ends too early is given up to there, for the decoder to judge.

    Raises:
        ValueError: it has more parts than any picture needs.
    """
    kept, place, begin = [], _SIGNATURE, 0
    for _ in range(MAX_PARTS):
        if place + 8 > len(data):
            kept.append(data[begin:])
            return data if begin == 0 else b"".join(kept)
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length  # length, kind, checksum
        if _is_left_out(data[place + 4 : place + 8], data, place + 8, length):
            kept.append(data[begin:place])
            begin = end
        place = end
    raise ValueError(f"more than {MAX_PARTS:,} parts")


def _is_left_out(kind: bytes, data: bytes, start: int, length: int) -> bool:
    if kind == b"iCCP":
        return True
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return False
    keyword, _, text = data[start : start + min(length, MAX_TEXT + 80)].partition(b"\0")
    if keyword not in _ORIENTED or length > MAX_TEXT:
        return True
    if kind == b"tEXt" or (kind == b"iTXt" and not text[:1] == b"\1"):
        return False
    packed = text[1:] if kind == b"zTXt" else text[2:].split(b"\0", 2)[-1]  # after method; language; keyword
    unpack = zlib.decompressobj()
    try:
        unpack.decompress(packed, MAX_TEXT)
    except zlib.error:
        return True
    return bool(unpack.unconsumed_tail)
