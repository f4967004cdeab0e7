"""What the first page of a TIFF says of its samples: its directory, read within limits before anything is decoded.

A TIFF is a chain of directories of tags (TIFF 6.0, section 2; BigTIFF is the same with longer numbers). Only the first
is read, and of its tags only those that tell how the samples are stored. ``alone`` gives the file with a directory of
these alone, so that whoever decodes it meets none of the other pages and tags, however many there are.
"""

import struct
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

MAX_TAGS = 4096  # as tifffile takes at most
MAX_PAGES = 1000  # that are counted
_KINDS = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_WIDE = {5: 8, 10: 8, 11: 4, 12: 8}  # bytes of rationals and floats, which nothing here needs to read

#: tags that tell how samples are stored
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR = 273, 274, 277, 278, 279, 284
PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 317, 320, 322, 323, 324, 325
INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, DEPTH, SUBFILE, SUB_PAGES, OLD_JPEG = 332, 338, 339, 32997, 254, 330, 513
_STORED = frozenset(
    (WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES)
) | {
    PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, INK_SET, EXTRA_SAMPLES,
    SAMPLE_FORMAT,
    292, 293,  # options of fax
    347,  # tables of JPEG
    *range(512, 522),  # old JPEG
    529, 530, 531, 532,  # YCbCr: coefficients, subsampling, place, range
}  # fmt: skip


class TiffError(Exception):
    """What speaks against a page; its words complete "a TIFF …"."""


@dataclass(frozen=True)
class TiffPage:
    """The first page of a TIFF.

    Attributes:
        data: the file.
        order: "<" or ">", as ``struct`` has it.
        is_big: it is a BigTIFF.
        tags: of each tag its type, number of values, and where they are.
        pages: directories in the chain, at most ``MAX_PAGES``.
        is_chain_whole: the chain ends as it should.
    """

    data: bytes = field(repr=False)
    order: str
    is_big: bool
    tags: dict[int, tuple[int, int, int]]
    entries: dict[int, bytes] = field(repr=False)
    pages: int
    is_chain_whole: bool

    def values(self, tag: int, most: int = 64) -> tuple[int, ...]:
        """The whole numbers of a tag; none where it is not there.

        Args:
            tag: its number.
            most: values that there may be.

        Raises:
            TiffError: there are more, or they are no whole numbers.
        """
        if tag not in self.tags:
            return ()
        kind, count, place = self.tags[tag]
        if kind not in _KINDS or count > most:
            raise TiffError(f"with an unusual tag {tag}")
        numbers = np.frombuffer(self.data, np.dtype(self.order + _KINDS[kind]), count, place)
        return tuple(numbers.tolist())

    def value(self, tag: int, default: int) -> int:
        """The first number of a tag, or the default."""
        return next(iter(self.values(tag)), default)

    @cached_property
    def alone(self) -> bytes:
        """The file with one directory, at its end, of the tags that tell how samples are stored."""
        kept = [self.entries[tag] for tag in sorted(self.entries) if tag in _STORED]
        place = len(self.data) + len(self.data) % 2
        count, offset = ("Q", "Q") if self.is_big else ("H", "I")
        header = self.data[: 8 if self.is_big else 4] + struct.pack(self.order + offset, place)
        directory = struct.pack(self.order + count, len(kept)) + b"".join(kept) + struct.pack(self.order + offset, 0)
        return b"".join((header, self.data[len(header) :], bytes(len(self.data) % 2), directory))


def read_page(data: bytes) -> TiffPage:
    """Read the first directory of a TIFF, and count the others.

    Raises:
        TiffError: it is damaged, or has more tags than any program writes.
    """
    try:
        order = "<" if data[:2] == b"II" else ">"
        is_big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
        (first,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
        if is_big and struct.unpack_from(f"{order}HH", data, 4) != (8, 0):
            raise TiffError("with a damaged or unusual header")
        tags, entries, following = _directory(data, first, order, is_big)
    except (struct.error, ValueError, OverflowError) as error:
        raise TiffError("with a damaged or unusual header") from error
    pages, is_whole = 1, True
    while following and is_whole and pages < MAX_PAGES:
        following, is_whole = _following(data, following, order, is_big)
        pages += 1
    return TiffPage(data, order, is_big, tags, entries, pages, is_whole)


def _shape(order: str, is_big: bool) -> tuple[struct.Struct, struct.Struct, struct.Struct]:
    """How many tags there are, a tag, and where the next directory is."""
    count, tag, offset = ("Q", "HHQQ", "Q") if is_big else ("H", "HHII", "I")
    return struct.Struct(order + count), struct.Struct(order + tag), struct.Struct(order + offset)


def _directory(
    data: bytes, place: int, order: str, is_big: bool
) -> tuple[dict[int, tuple[int, int, int]], dict[int, bytes], int]:
    counts, entry, offset = _shape(order, is_big)
    (count,) = counts.unpack_from(data, place)
    if not 0 < count <= MAX_TAGS:
        raise TiffError(f"with {count:,} tags, beyond {MAX_TAGS:,}" if count else "without tags")
    tags: dict[int, tuple[int, int, int]] = {}
    entries: dict[int, bytes] = {}
    inline = 8 if is_big else 4  # bytes that a tag has room for itself
    for index in range(count):
        start = place + counts.size + index * entry.size
        tag, kind, number, where = entry.unpack_from(data, start)
        size = np.dtype(_KINDS[kind]).itemsize if kind in _KINDS else _WIDE.get(kind, 0)
        where = where if size * number > inline else start + entry.size - inline
        if tag in tags or not size or not number or where + size * number > len(data):
            continue
        tags[tag] = kind, number, where
        entries[tag] = data[start : start + entry.size]
    (following,) = offset.unpack_from(data, place + counts.size + count * entry.size)
    return tags, entries, following


def _following(data: bytes, place: int, order: str, is_big: bool) -> tuple[int, bool]:
    """Where the directory after this one is, and whether this one is sound."""
    counts, entry, offset = _shape(order, is_big)
    try:
        (count,) = counts.unpack_from(data, place)
        return int(offset.unpack_from(data, place + counts.size + count * entry.size)[0]), True
    except (struct.error, OverflowError):
        return 0, False
