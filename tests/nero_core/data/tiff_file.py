"""A TIFF written tag by tag, as the specification has it, so that every way to store samples can be made."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np

SHORT, LONG, RATIONAL = 3, 4, 5
_LETTERS = {1: "B", 2: "B", SHORT: "H", LONG: "I", RATIONAL: "I", 7: "B"}
Tags = Mapping[int, tuple[int, Sequence[int]]]


def packed(values: np.ndarray, bits: int) -> bytes:
    """Whole numbers of any depth, bit by bit, the highest first; each row begins with a byte of its own."""
    rows = values.reshape(len(values), -1).astype(np.uint64)
    each = (rows[..., None] >> np.arange(bits - 1, -1, -1).astype(np.uint64)) & np.uint64(1)
    return b"".join(np.packbits(row.ravel().astype(np.uint8)).tobytes() for row in each)


def tiff(tags: Tags, parts: Sequence[bytes], order: str = "<", is_tiled: bool = False, following: int = 0) -> bytes:
    """A file of one directory.

    Args:
        tags: type and values of each, without where the parts are and how long.
        parts: strips, or tiles.
        order: "<" or ">".
        is_tiled: they are tiles.
        following: where the next directory is.
    """
    body = b"".join(parts)
    begins = [8 + sum(map(len, parts[:index])) for index in range(len(parts))]
    places = (324, 325) if is_tiled else (273, 279)
    entries = {**tags, places[0]: (LONG, begins), places[1]: (LONG, [len(part) for part in parts])}
    directory = 8 + len(body)
    extra, beyond = b"", directory + 2 + 12 * len(entries) + 4
    lines = []
    for tag in sorted(entries):
        kind, values = entries[tag]
        data = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values)
        count = len(values) // (2 if kind == RATIONAL else 1)
        place = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{order}I", beyond + len(extra))
        extra += data if len(data) > 4 else b""
        lines.append(struct.pack(f"{order}HHI", tag, kind, count) + place)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", directory)
    count, end = struct.pack(f"{order}H", len(entries)), struct.pack(f"{order}I", following)
    return header + body + count + b"".join(lines) + end + extra


def page(height: int, width: int, bits: int, samples: int, photometric: int, **more: int) -> Tags:
    """The tags of a page in one strip; ``more`` by name: compression, planar, format, fill."""
    return {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [bits] * samples),
        259: (SHORT, [more.get("compression", 1)]),
        262: (SHORT, [photometric]),
        266: (SHORT, [more.get("fill", 1)]),
        277: (SHORT, [samples]),
        278: (LONG, [height]),
        284: (SHORT, [more.get("planar", 1)]),
        339: (SHORT, [more.get("format", 1)] * samples),
    }
