"""How the pixels of a DICOM file are stored: numbers that are checked before anything is decoded."""

import math
from dataclasses import dataclass

from pydicom.uid import UID

from nero_core.data.dicom_file import DicomError, DicomFile
from nero_core.data.limits import Limits, check_memory, check_pixels, refusal

GREY = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
STORES = {"PixelData": (1, 8, 16, 32), "FloatPixelData": (32,), "DoubleFloatPixelData": (64,)}  # → bits of a sample


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """The image pixel module (PS3.3, C.7.6.3).

    Attributes:
        height: rows.
        width: columns.
        samples: a pixel.
        photometric: what they mean.
        bits: of a sample as it is stored.
        used: of these, how many are the sample's.
        is_signed: samples are two's complements.
        is_planar: each colour is stored as a picture of its own.
        frames: their number.
        keyword: of the element that holds them.
    """

    height: int
    width: int
    samples: int
    photometric: str
    bits: int
    used: int
    is_signed: bool
    is_planar: bool
    frames: int
    keyword: str

    @property
    def frame_bytes(self) -> float:
        """Bytes of a frame that is not compressed; of 1 bit a sample perhaps no whole number."""
        share = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.height * self.width * share * self.bits / 8

    @property
    def memory(self) -> int:
        """Bytes that decoding a frame needs at once: samples, as decoders have them and as they are meant; the result.

        Decoders of JPEG 2000 hold 4 bytes a sample, and a copy.
        """
        return self.height * self.width * (self.samples * (8 + 2 * max(1, self.bits // 8)) + 3)


def stored_picture(file: DicomFile) -> StoredPicture:
    """What the file says of its pixels.

    Raises:
        DicomError: it has none, or stores them in a way that is not read.
    """
    elements = file.elements
    keyword = next((name for name in STORES if name in elements), "")
    if not keyword or "Rows" not in elements:
        raise DicomError(f"without an image{_class_in_words(elements.get('SOPClassUID'))}")
    bits = int(elements.BitsAllocated)
    picture = StoredPicture(
        height=int(elements.Rows),
        width=int(elements.Columns),
        samples=int(elements.get("SamplesPerPixel") or 1),
        photometric=str(elements.get("PhotometricInterpretation") or "MONOCHROME2").strip().upper(),
        bits=bits,
        used=int(elements.get("BitsStored") or bits),
        is_signed=bool(elements.get("PixelRepresentation") or 0),
        is_planar=bool(elements.get("PlanarConfiguration") or 0),
        frames=int(elements.get("NumberOfFrames") or 1),
        keyword=keyword,
    )
    if bits not in STORES[keyword] or not 1 <= picture.used <= bits:
        raise DicomError(f"of {picture.used} bit samples in {bits} bits, which is not read")
    high = elements.get("HighBit")
    if keyword == "PixelData" and high is not None and int(high) != picture.used - 1:
        raise DicomError("whose samples do not begin at their lowest bit, which is not read")
    expected = 3 if picture.photometric in COLOUR else 1
    if picture.photometric not in (*GREY, PALETTE, *COLOUR) or picture.samples != expected:
        samples = "1 sample" if picture.samples == 1 else f"{picture.samples} samples"
        raise DicomError(f"in the colours {picture.photometric[:16]!r} of {samples}, which is not read")
    if picture.samples == 3 and (picture.is_signed or picture.bits == 1):
        raise DicomError("of signed or 1 bit colours, which is not read")
    return picture


def check_cost(picture: StoredPicture, name: str, limits: Limits) -> None:
    """Refuse a picture of too many pixels or frames, or whose decoding would need too much memory.

    Raises:
        ImageError: it is one.
    """
    check_pixels(picture.width, picture.height, name, limits)
    if not 1 <= picture.frames <= limits.max_frames:
        raise refusal(name, f"1 to {limits.max_frames:,} frames", f"{picture.frames:,}", "Export a part of them.")
    kind = f"a DICOM file of {picture.width} × {picture.height} pixels ({picture.photometric}, {picture.bits} bit)"
    check_memory(picture.memory, name, kind, limits)


def check_length(picture: StoredPicture, found: int) -> None:
    """Refuse a file whose pixels, which are not compressed, are not all there.

    Raises:
        DicomError: they are not.
    """
    expected = math.ceil(picture.frame_bytes * picture.frames)
    if found < expected:
        raise DicomError(f"that is cut off: {found:,} of {expected:,} bytes of its pixels are there")


def _class_in_words(uid: object) -> str:
    """The name of its kind in the standard's own list, in brackets; nothing where it is not listed."""
    known = UID(str(uid)) if uid else None
    return f" ({known.name})" if known is not None and known.name != str(known) else ""
