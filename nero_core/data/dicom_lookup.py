"""The tables of a DICOM file: sample → grey or colour (PS3.3, C.7.6.3.1.5, C.7.9.2, C.11.1 and C.11.2)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Shaped
from pydicom.dataset import Dataset

from nero_core.data.dicom_file import DicomError

_MOST = 2**16  # entries of a table
_VALUES, _LINE = 0, 1  # segments of a table


@dataclass(frozen=True, slots=True)
class Lookup:
    """One table.

    Attributes:
        first: the sample of its first entry; what is below has that entry too, and what is above the last one.
        table: entries.
        bits: of an entry.
    """

    first: int
    table: Shaped[np.ndarray, " entries"] = field(repr=False)
    bits: int

    def __call__(self, samples: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
        """The entry of each sample."""
        places = np.rint(samples).astype(np.int64) - self.first
        entries: Shaped[np.ndarray, ...] = self.table[np.clip(places, 0, len(self.table) - 1)]
        return entries


def grey_table(item: Dataset, is_little_endian: bool, is_signed: bool) -> Lookup:
    """The table of an item of a modality or VOI LUT sequence.

    Raises:
        DicomError: it is shorter than it says.
    """
    return _lookup(item.LUTDescriptor, item.LUTData, is_little_endian, is_signed)


def palette_of_eight_bits(elements: Dataset, is_little_endian: bool, is_signed: bool) -> tuple[Lookup, Lookup, Lookup]:
    """The tables of red, green and blue; of deeper entries the upper 8 bit, whether they repeat below or are 0 there.

    Raises:
        DicomError: they are missing, or shorter than they say.
    """
    colours = [_colour(elements, name, is_little_endian, is_signed) for name in ("Red", "Green", "Blue")]
    is_deep = any(int(colour.table.max()) > 255 for colour in colours)  # old programs wrote 8 bit where they told of 16
    red, green, blue = (
        Lookup(colour.first, (colour.table >> (colour.bits - 8 if is_deep else 0)).astype(np.uint8), 8)
        for colour in colours
    )
    return red, green, blue


def _colour(elements: Dataset, name: str, is_little_endian: bool, is_signed: bool) -> Lookup:
    descriptor = elements.get(f"{name}PaletteColorLookupTableDescriptor")
    data = elements.get(f"{name}PaletteColorLookupTableData")
    segments = elements.get(f"Segmented{name}PaletteColorLookupTableData")
    if descriptor is None or not (data or segments):
        raise DicomError("whose palette is missing")
    if not data:
        words = np.frombuffer(segments, ("<" if is_little_endian else ">") + ("u2" if descriptor[2] > 8 else "u1"))
        data = _unfolded(words.tolist(), int(descriptor[0]) or _MOST)
    return _lookup(descriptor, data, is_little_endian, is_signed)


def _lookup(
    descriptor: Iterable[int], data: bytes | list[int] | int, is_little_endian: bool, is_signed: bool
) -> Lookup:
    entries, first, bits = (int(number) for number in descriptor)
    entries = entries or _MOST
    if is_signed and first >= 2**15:
        first -= 2**16  # told as an unsigned number, since the element may be either
    if isinstance(data, bytes):
        is_wide = len(data) >= 2 * entries
        table = np.frombuffer(data, ("<u2" if is_little_endian else ">u2") if is_wide else "u1")
    else:
        table = np.atleast_1d(np.asarray(data, np.uint16))
    if not 0 < entries <= len(table):
        raise DicomError(f"with a table of {len(table):,} entries where it tells of {entries:,}")
    table = table[:entries].astype(np.uint16)
    return Lookup(first, table, bits if 0 < bits <= 16 and int(table.max()) < 2**bits else 16)


def _unfolded(words: list[int], entries: int) -> list[int]:
    """A table from its segments: values, and straight lines from the value before."""
    table: list[int] = []
    place = 0
    while len(table) < entries and place + 3 <= len(words):
        code, count, value = words[place : place + 3]
        if code == _VALUES:
            table.extend(words[place + 2 : place + 2 + count])
            place += 2 + count
        elif code == _LINE and table:
            line = np.linspace(table[-1], value, count + 1)[1:]
            table.extend(np.rint(line).astype(int).tolist())
            place += 3
        else:
            raise DicomError("with a palette that is damaged, or refers to parts of itself, which is not read")
    return table[:entries]
