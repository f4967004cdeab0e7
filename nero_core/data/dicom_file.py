"""What a DICOM file says of its picture, read within limits; of all else, names and dates too, nothing is kept."""

import io
import logging
import struct
import warnings
import zlib
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from nero_core.data.file_kind import VALUE_KINDS
from nero_core.data.limits import Limits
from nero_core.process_wide import PROCESS_WIDE

with PROCESS_WIDE:  # its remarks on odd values repeat the values, names of patients among them
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
logging.getLogger("pydicom").addHandler(logging.NullHandler())
logging.getLogger("pydicom").propagate = False

MAX_READS = 200_000  # pieces that a file may consist of: two an element; more takes seconds to read
_LONG_VALUES = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())  # with a length of 4 bytes (PS3.5, 7.1.2)
_META_GROUP, _SYNTAX = 0x0002, 0x0010
_MAX_META = 64  # elements of the file itself; the standard knows fifteen
_MARK = 128  # bytes that are free, before the mark

_PICTURE = (
    "SOPClassUID Modality BurnedInAnnotation SamplesPerPixel PhotometricInterpretation PlanarConfiguration Rows "
    "Columns NumberOfFrames BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue "
    "PixelPaddingRangeLimit RescaleIntercept RescaleSlope ModalityLUTSequence WindowCenter WindowWidth "
    "VOILUTFunction VOILUTSequence "
    "RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor "
    "RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData "
    "SegmentedRedPaletteColorLookupTableData SegmentedGreenPaletteColorLookupTableData "
    "SegmentedBluePaletteColorLookupTableData SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence "
    "ExtendedOffsetTable ExtendedOffsetTableLengths FloatPixelData DoubleFloatPixelData PixelData"
).split()
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
PICTURE_TAGS = tuple(Tag(name) for name in _PICTURE)


class DicomError(Exception):
    """What speaks against a file; its words complete "a DICOM file …"."""


@dataclass(frozen=True, slots=True)
class DicomFile:
    """A file that has been read, not decoded.

    Attributes:
        elements: the elements that were asked for, and no others.
        syntax: how the pixels are stored (the transfer syntax).
        is_little_endian: the order of its bytes.
    """

    elements: Dataset = field(repr=False)
    syntax: UID
    is_little_endian: bool


def read_dicom(data: bytes, limits: Limits, tags: tuple[int, ...] = PICTURE_TAGS, pixels: bool = True) -> DicomFile:
    """Read the elements of these tags.

    Args:
        data: the file.
        limits: a deflated file may be as large as any other when it is inflated.
        tags: of the elements.
        pixels: read on to the end; otherwise stop where the pixels begin.

    Raises:
        DicomError: it has far too many parts, or is larger than it looks.
        Exception: nearly anything, where it is damaged.
    """
    syntax, start = _meta(data)
    if syntax == DeflatedExplicitVRLittleEndian:
        data, start = _inflated(data, start, limits), 0
    if syntax is None:
        syntax = _guessed(data[start : start + 8])
    source = _Counted(data)
    source.seek(start)
    try:
        elements = read_dataset(
            source,
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=None if pixels else _at_pixels,
            specific_tags=list(tags),
        )
    except Exception as error:
        if source.pieces > MAX_READS:  # pydicom may have made another error of it
            raise DicomError(f"of more than {MAX_READS // 2:,} parts") from error
        raise
    return DicomFile(elements, syntax, syntax != ExplicitVRBigEndian)


class _Counted(io.BytesIO):
    """Bytes that may be read in so many pieces: a file of a million empty elements takes minutes and gigabytes."""

    pieces = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.pieces += 1
        if self.pieces > MAX_READS:
            raise DicomError(f"of more than {MAX_READS // 2:,} parts")
        return super().read(size)


def _at_pixels(tag: int, kind: str | None, length: int) -> bool:
    return tag >= 0x7FE00001


def _meta(data: bytes) -> tuple[UID | None, int]:
    """The transfer syntax, None where it is not told, and where the elements of the file itself end (PS3.10, 7.1)."""
    place = _MARK + 4 if data[_MARK : _MARK + 4] == b"DICM" else 0
    syntax = None
    for _ in range(_MAX_META):
        if len(data) < place + 8 or struct.unpack_from("<H", data, place)[0] != _META_GROUP:
            return syntax, place
        element, kind = struct.unpack_from("<H2s", data, place + 2)
        if kind not in VALUE_KINDS:
            raise DicomError("with a damaged or unusual header")
        is_long = kind in _LONG_VALUES
        (length,) = struct.unpack_from("<I" if is_long else "<H", data, place + (8 if is_long else 6))
        place += 12 if is_long else 8
        if element == _SYNTAX:
            syntax = UID(data[place : place + length].rstrip(b"\0 ").decode("ascii", "replace"))
        place += length
    raise DicomError("with a damaged or unusual header")


def _guessed(head: bytes) -> UID:
    """The transfer syntax of a file that does not tell it: the first group is small, and explicit kinds are letters."""
    if len(head) < 8:
        raise DicomError("of which nothing follows its header")
    if struct.unpack_from(">H", head)[0] < struct.unpack_from("<H", head)[0]:
        return ExplicitVRBigEndian
    return ExplicitVRLittleEndian if head[4:6] in VALUE_KINDS else ImplicitVRLittleEndian


def _inflated(data: bytes, start: int, limits: Limits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data[start:], limits.max_bytes)
    if inflater.unconsumed_tail:
        raise DicomError(f"that is larger than {limits.max_bytes / 2**20:.4g} MB when it is inflated")
    return inflated
