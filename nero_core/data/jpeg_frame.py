"""What a JPEG stream says of its picture before any of it is decoded: its size, and what its decoder must keep."""

import math
import struct
from dataclasses import dataclass

_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length: TEM, RST0 … RST7, SOI
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}  # SOF0 … SOF15, and JPEG-LS's
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_LS = 0xF7
_START_OF_SCAN, _END = 0xDA, 0xD9


@dataclass(frozen=True, slots=True)
class JpegFrame:
    """A frame header (ISO 10918-1, B.2.2).

    Attributes:
        marker: how it is coded: the second byte of the frame's marker.
        precision: bits of a sample.
        height: rows; 0 where only the end of the stream tells.
        width: samples a row.
        components: their number.
        share: samples a pixel, all components together: 3 without subsampling, 1.5 for 4:2:0.
        is_interleaved: the first scan has all components.
    """

    marker: int
    precision: int
    height: int
    width: int
    components: int
    share: float
    is_interleaved: bool

    @property
    def coefficient_bytes(self) -> int:
        """Bytes a pixel that a decoder keeps until the last scan is read: 16 bit a sample, where there are several."""
        return math.ceil(2 * self.share) if self.marker in _PROGRESSIVE or not self.is_interleaved else 0

    @property
    def is_lossless(self) -> bool:
        """Coded by prediction (SOF3 and its kin), not by cosines."""
        return self.marker in _LOSSLESS

    @property
    def is_ls(self) -> bool:
        """JPEG-LS."""
        return self.marker == _LS

    @property
    def unusual(self) -> str:
        """What it is in words where it is none of the usual JPEGs, else ""."""
        if self.is_ls:
            return "a JPEG-LS image"
        if self.is_lossless:
            return "a lossless JPEG"
        return "" if self.precision == 8 else f"a JPEG of {self.precision} bits a sample"


def jpeg_frame(data: bytes | memoryview) -> JpegFrame | None:
    """The frame header of a JPEG stream; None where there is none before the first scan."""
    place, frame = 2, None
    try:
        while True:
            if data[place] != 0xFF:
                return None
            while data[place] == 0xFF:  # fill bytes may stand before a marker
                place += 1
            marker = data[place]
            place += 1
            if marker in _ALONE:
                continue
            if marker == _END:
                return frame
            (length,) = struct.unpack_from(">H", data, place)
            if marker == _START_OF_SCAN:
                return _scanned(frame, data[place + 2])
            if marker in _FRAMES:
                frame = _frame(marker, data, place + 2)
            place += length
    except (IndexError, struct.error, ZeroDivisionError):
        return frame


def _frame(marker: int, data: bytes | memoryview, place: int) -> JpegFrame:
    precision, height, width, components = struct.unpack_from(">BHHB", data, place)
    factors = [divmod(data[place + 7 + 3 * index], 16) for index in range(components)]
    widest = max((across for across, _ in factors), default=0)  # 0 as where a header says so: ZeroDivisionError
    highest = max((down for _, down in factors), default=0)
    share = sum(across * down for across, down in factors) / (widest * highest)
    return JpegFrame(marker, precision, height, width, components, share, True)


def _scanned(frame: JpegFrame | None, components: int) -> JpegFrame | None:
    if frame is None or components >= frame.components:
        return frame
    return JpegFrame(
        frame.marker, frame.precision, frame.height, frame.width, frame.components, frame.share, is_interleaved=False
    )
