"""How the samples of a TIFF's page are stored: known ways only, and sizes that are seen before anything is unpacked."""

import math
from dataclasses import dataclass

from nero_core.data.jpeg_frame import jpeg_frame
from nero_core.data.limits import Limits
from nero_core.data.tiff_page import (
    BITS,
    COMPRESSION,
    DEPTH,
    EXTRA_SAMPLES,
    HEIGHT,
    INK_SET,
    OLD_JPEG,
    PHOTOMETRIC,
    PLANAR,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    SUB_PAGES,
    SUBFILE,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    TiffError,
    TiffPage,
)

MAX_PARTS = 2**16  # strips or tiles: each takes some 30 µs
MAX_SAMPLES = 64  # a pixel; beyond it is a volume or a spectrum, and no picture
_UNSIGNED, _SIGNED, _FLOAT, _VOID = 1, 2, 3, 4  # SampleFormat
_DEPTHS = {_UNSIGNED: (*range(1, 17), 32, 64), _SIGNED: (8, 16, 32, 64), _FLOAT: (16, 24, 32, 64)}
COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}  # PhotometricInterpretation → samples that are colour
WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, PALETTE, CMYK, YCBCR = COLOURS
_OTHER_COLOURS = {
    4: "that is a mask of transparency", 8: "in the colour space CIELab", 9: "in the colour space ICCLab",
    10: "in the colour space ITULab", 32803: "of a camera's colour filters (raw)", 34892: "of a camera's raw samples",
    32844: "in the colour space LogL", 32845: "in the colour space LogLuv", 51177: "that is a map of depth",
}  # fmt: skip
JPEG, _OLD_JPEG = 7, 6
_PACKED = {1: "none", 2: "fax", 3: "fax", 4: "fax", 5: "LZW", 7: "JPEG", 8: "Deflate", 32946: "Deflate"}
_PACKED |= {32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
_FAX = (2, 3, 4)
_OTHER_PACKED = {
    33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 50001: "WebP",
    50002: "JPEG XL", 52546: "JPEG XL", 22610: "JPEG XR", 34934: "JPEG XR", 34892: "lossy JPEG of a camera",
    34676: "SGI Log", 34677: "SGI Log", 32809: "ThunderScan", 32766: "NeXT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Samples:
    """How the samples of a page are stored.

    Attributes:
        width: of the picture, in pixels.
        height: likewise.
        number: samples a pixel.
        bits: of a sample.
        format: SampleFormat: 1 unsigned, 2 signed, 3 float.
        photometric: PhotometricInterpretation: what the samples mean.
        compression: how they are packed.
        is_planar: each sample has a plane of its own.
        extra: ExtraSamples: what the samples beyond colour are.
        part: height and width of a strip or tile.
        parts: number of them.
    """

    width: int
    height: int
    number: int
    bits: int
    format: int
    photometric: int
    compression: int
    is_planar: bool
    extra: tuple[int, ...]
    part: tuple[int, int]
    parts: int

    @property
    def memory(self) -> int:
        """Bytes at once: the samples, the largest part of them while it is unpacked, and the picture."""
        pixels, part = self.width * self.height, self.part[0] * self.part[1]
        if self.photometric == YCBCR and self.compression != JPEG:
            return 4 * (pixels + part) + 3 * pixels  # libtiff's picture is of 4 bytes a pixel
        item = next(size for size in (1, 2, 4, 8) if self.bits <= 8 * size)
        in_part = 1 if self.is_planar else self.number
        return item * (self.number * pixels + in_part * part) + 3 * pixels

    def __str__(self) -> str:
        kind = {_SIGNED: " signed", _FLOAT: " float"}.get(self.format, "")
        parts = "" if self.parts == 1 else f", stored in parts of {self.part[1]} × {self.part[0]}"
        samples = "1 sample" if self.number == 1 else f"{self.number} samples"
        return f"of {self.width} × {self.height} pixels with {samples} of {self.bits} bit{kind}{parts}"


def read_samples(page: TiffPage) -> Samples:
    """How the page says that its samples are stored.

    Raises:
        TiffError: in a way that is not read.
    """
    width, height, number = page.value(WIDTH, 0), page.value(HEIGHT, 0), page.value(SAMPLES, 1)
    compression = page.value(COMPRESSION, 1)
    if OLD_JPEG in page.tags or compression == _OLD_JPEG:
        raise TiffError("packed by old JPEG, which no two programs read alike")
    if compression not in _PACKED:
        way = _OTHER_PACKED.get(compression, f"method {compression}")
        raise TiffError(f"packed by {way}, which is not read")
    if width < 1 or height < 1 or not 1 <= number <= MAX_SAMPLES:
        raise TiffError("with a damaged or unusual header")
    if page.value(DEPTH, 1) != 1:
        raise TiffError("that is a volume of several layers")
    if page.value(SUBFILE, 0) & 1 and SUB_PAGES in page.tags:
        raise TiffError("whose picture is only a small version of another, as in a camera's raw file")
    bits = _alike(page.values(BITS, MAX_SAMPLES) or (1,), "bits")
    kind = _alike(page.values(SAMPLE_FORMAT, MAX_SAMPLES) or (_UNSIGNED,), "formats")
    kind = _UNSIGNED if kind == _VOID else kind
    if bits not in _DEPTHS.get(kind, ()):
        what = {_SIGNED: "signed", _FLOAT: "float", 5: "complex", 6: "complex"}.get(kind, "")
        raise TiffError(f"of {bits} bit {what} samples, which is not read".replace("  ", " "))
    guess = _RGB if number == 3 else WHITE_IS_ZERO if compression in _FAX else _BLACK_IS_ZERO
    photometric = page.value(PHOTOMETRIC, guess)  # as libtiff guesses
    if photometric not in COLOURS:
        raise TiffError(_OTHER_COLOURS.get(photometric, f"of colour space {photometric}, which is not known"))
    if number < COLOURS[photometric]:
        raise TiffError(f"with {number} samples a pixel in place of {COLOURS[photometric]}")
    if photometric in (PALETTE, CMYK, YCBCR) and (kind != _UNSIGNED or bits > 16):
        raise TiffError(f"of {bits} bit samples in a palette, CMYK or YCbCr, which is not read")
    if number > COLOURS[photometric] and (compression == JPEG or photometric == YCBCR):
        raise TiffError("in JPEG or YCbCr with samples beyond its colours, which is not read")
    if photometric == CMYK and page.value(INK_SET, 1) != 1:
        raise TiffError("of inks other than cyan, magenta, yellow and black")
    is_planar = page.value(PLANAR, 1) == 2 and number > 1
    if TILE_WIDTH in page.tags:
        part = page.value(TILE_HEIGHT, 0), page.value(TILE_WIDTH, 0)
    else:
        part = min(page.value(ROWS_PER_STRIP, height), height), width
    if min(part) < 1:
        raise TiffError("with a damaged or unusual header")
    parts = math.ceil(height / part[0]) * math.ceil(width / part[1]) * (number if is_planar else 1)
    extra = page.values(EXTRA_SAMPLES, MAX_SAMPLES)
    return Samples(
        width, height, number, bits, kind, photometric, compression, is_planar, extra, (part[0], part[1]), parts
    )


def _alike(values: tuple[int, ...], what: str) -> int:
    if len(set(values)) > 1:
        raise TiffError(f"of samples of different {what} ({', '.join(map(str, values[:8]))})")
    return values[0]


def check_parts(page: TiffPage, samples: Samples, limits: Limits) -> None:
    """See that strips or tiles are as many as they should be, lie in the file, and are none larger than they say.

    Raises:
        TiffError: they do not.
    """
    if samples.parts > MAX_PARTS:
        raise TiffError(f"of {samples.parts:,} strips or tiles, beyond {MAX_PARTS:,}")
    unpacked = samples.parts * samples.part[0] * samples.part[1] // (samples.number if samples.is_planar else 1)
    if unpacked > 2 * limits.max_pixels:
        raise TiffError(
            f"of {samples.width} × {samples.height} pixels in parts of {samples.part[1]} × {samples.part[0]}"
        )
    is_tiled = TILE_WIDTH in page.tags
    most = 2 * MAX_PARTS  # some programs list more than there are
    offsets = page.values(TILE_OFFSETS if is_tiled else STRIP_OFFSETS, most) or page.values(STRIP_OFFSETS, most)
    sizes = page.values(TILE_BYTES if is_tiled else STRIP_BYTES, most) or page.values(STRIP_BYTES, most)
    cut = TiffError("that is truncated or damaged")
    if len(offsets) < samples.parts:
        raise cut
    if len(sizes) < samples.parts:
        if samples.compression == 1 and samples.parts == 1 and not sizes:  # old programs leave them out
            sizes = (_raw_bytes(samples),)
        else:
            raise cut
    if sum(sizes[: samples.parts]) > 4 * len(page.data):  # a few may share bytes, as empty tiles do
        raise cut
    view = memoryview(page.data)
    for offset, size in zip(offsets[: samples.parts], sizes, strict=False):
        if size == 0 or offset + size > len(page.data):
            raise cut
        if samples.compression == JPEG:
            frame = jpeg_frame(view[offset : offset + size])
            if frame is None or frame.width > samples.part[1] or frame.height > samples.part[0]:
                raise cut
    if samples.compression == 1 and samples.parts == 1 and sizes[0] < _raw_bytes(samples):
        raise cut


def _raw_bytes(samples: Samples) -> int:
    """Bytes of the only part where it is not packed; without YCbCr's subsampling, which makes it smaller."""
    if samples.photometric == YCBCR:
        return 1
    in_part = 1 if samples.is_planar else samples.number
    return samples.part[0] * math.ceil(samples.part[1] * in_part * samples.bits / 8)
