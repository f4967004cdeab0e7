"""TIFF: every way to store samples gives the picture that is meant, or is refused by name, and costs what it may."""

import io
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from nero_core.data.decode import Limits, decode_image
from nero_core.errors import ImageError
from tests.nero_core.data.tiff_file import LONG, RATIONAL, SHORT, packed, page, tiff

SIDE = 32
RAMP = np.linspace(0, 255, SIDE * SIDE).reshape(SIDE, SIDE)
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
UNSIGNED, SIGNED, FLOAT, COMPLEX = 1, 2, 3, 5
PACKERS = ("lzw", "deflate", "zstd", "lzma")
DEPTHS = [
    *((UNSIGNED, bits) for bits in (1, 2, 4, 6, 8, 9, 10, 12, 14, 16, 32, 64)),
    *((SIGNED, bits) for bits in (8, 16, 32, 64)),
    *((FLOAT, bits) for bits in (16, 32, 64)),
]


def stored(shown: np.ndarray, kind: int, bits: int, order: str) -> bytes:
    """The samples that show as ``shown`` in 0 … 255, over the whole range of their kind."""
    share = shown / 255
    if kind == FLOAT:
        return share.astype(f"{order}f{bits // 8}").tobytes()
    if kind == SIGNED:
        return np.rint((2 * share - 1) * (2.0 ** (min(bits, 53) - 1) - 1)).astype(f"{order}i{bits // 8}").tobytes()
    values = np.rint(share * (2.0 ** min(bits, 53) - 1))
    return values.astype(f"{order}u{bits // 8}").tobytes() if bits in (8, 16, 32, 64) else packed(values, bits)


def reversed_bits(data: bytes) -> bytes:
    return np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8)[:, ::-1].ravel()).tobytes()


def check(data: bytes, expected: np.ndarray, tolerance: float = 1.01) -> str:
    picture = decode_image(data, "scan.tif")
    np.testing.assert_allclose(picture.pixels, np.broadcast_to(expected, picture.pixels.shape), atol=tolerance)
    return picture.note


def refused(data: bytes, match: str, limits: Limits = Limits()) -> None:
    with pytest.raises(ImageError, match=match) as caught:
        decode_image(data, "scan.tif", limits)
    assert str(caught.value).startswith("scan.tif: expected ")


def by_tifffile(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


# what comes out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("fill", [1, 2])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize(("kind", "bits"), DEPTHS)
def test_grey_of_every_depth_is_the_ramp_that_was_stored(
    kind: int, bits: int, photometric: int, fill: int, order: str
) -> None:
    strip = stored(RAMP, kind, bits, order)
    strip = strip if fill == 1 else reversed_bits(strip)
    tags = page(SIDE, SIDE, bits, 1, photometric, format=kind, fill=fill)
    shown = RAMP if photometric == BLACK_IS_ZERO else 255 - RAMP
    step = 255 / (2 ** min(bits, 8) - 1)  # between two values that few bits can tell apart
    note = check(tiff(tags, [strip], order), shown[..., None], max(1.01, step / 2 + 0.51))
    assert note.startswith(f"{bits} bit grey") or (kind == UNSIGNED and bits <= 8 and note == "")


@pytest.mark.parametrize("planar", [1, 2])
@pytest.mark.parametrize(("kind", "bits"), [depth for depth in DEPTHS if depth[1] >= 8])
def test_colour_of_every_depth_is_the_picture_that_was_stored(kind: int, bits: int, planar: int) -> None:
    planes = [COLOUR] if planar == 1 else [COLOUR[..., channel] for channel in range(3)]
    strips = [stored(plane, kind, bits, "<") for plane in planes]
    check(tiff(page(SIDE, SIDE, bits, 3, RGB, format=kind, planar=planar), strips), COLOUR)


def test_twelve_bit_grey_is_not_dark_and_sixteen_bit_white_is_zero_is_not_inverted() -> None:
    twelve = decode_image(tiff(page(SIDE, SIDE, 12, 1, BLACK_IS_ZERO), [stored(RAMP, UNSIGNED, 12, "<")]))
    white = decode_image(tiff(page(SIDE, SIDE, 16, 1, WHITE_IS_ZERO), [stored(255 - RAMP, UNSIGNED, 16, "<")]))
    assert (twelve.pixels[0, 0, 0], twelve.pixels[-1, -1, 0]) == (0, 255)
    assert (white.pixels[0, 0, 0], white.pixels[-1, -1, 0]) == (0, 255)


@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, False), ("packbits", False), *((way, with_it) for way in PACKERS for with_it in (False, True))],
)
@pytest.mark.parametrize("tile", [None, (16, 48)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f4", ">f4"])
def test_every_way_to_pack_gives_the_same_samples(
    dtype: str, tile: tuple[int, int] | None, predictor: bool, compression: str | None
) -> None:
    share = COLOUR / 255
    values = (share if "f" in dtype else np.rint(share * (255 if dtype == "u1" else 65535))).astype(dtype)
    layout = {"tile": tile} if tile else {"rowsperstrip": 7}
    check(by_tifffile(values, photometric="rgb", compression=compression, predictor=predictor, **layout), COLOUR)


@pytest.mark.parametrize("top", [257, 256, 1])
def test_a_palette_of_8_or_16_bit_gives_its_colours(top: int) -> None:
    rng = np.random.default_rng(0)
    colours, indices = rng.integers(0, 256, (3, 256)), rng.integers(0, 256, (SIDE, SIDE))
    tags = {**page(SIDE, SIDE, 8, 1, PALETTE), 320: (SHORT, (colours * top).ravel().tolist())}
    check(tiff(tags, [indices.astype(np.uint8).tobytes()]), colours.T[indices], 0)


@pytest.mark.parametrize(("bits", "planar"), [(8, 1), (8, 2), (16, 1), (16, 2)])
def test_cmyk_becomes_rgb(bits: int, planar: int) -> None:
    inks = np.dstack([255 - COLOUR, np.zeros((SIDE, SIDE))])
    planes = [inks] if planar == 1 else [inks[..., ink] for ink in range(4)]
    tags = page(SIDE, SIDE, bits, 4, CMYK, planar=planar)
    assert "CMYK converted" in check(
        tiff(tags, [stored(plane, UNSIGNED, bits, ">") for plane in planes], ">"), COLOUR, 1
    )


def test_samples_beyond_colour_are_alpha_or_left_out_as_they_say() -> None:
    alpha = RAMP.T
    on_black = COLOUR * alpha[..., None] / 255
    extra = {
        (2,): (np.dstack([COLOUR, alpha]), on_black, "Transparent parts are shown on black."),
        (1,): (np.dstack([on_black, alpha]), on_black, "Transparent parts are shown on black."),
        (0,): (np.dstack([COLOUR, alpha]), COLOUR, "1 further channel left out."),
        (0, 2): (np.dstack([COLOUR, RAMP, alpha]), on_black, "1 further channel left out."),
    }
    for meaning, (samples, expected, note) in extra.items():
        for bits in (8, 16):
            tags = {**page(SIDE, SIDE, bits, samples.shape[2], RGB), 338: (SHORT, list(meaning))}
            strip = stored(samples, UNSIGNED, bits, "<")
            assert note in check(tiff(tags, [strip]), expected, 1.6)  # colour, alpha and their product are rounded


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize("is_video", [False, True])
def test_ycbcr_without_jpeg_is_converted_with_its_subsampling_and_range(
    subsampling: tuple[int, int], is_video: bool
) -> None:
    across, down = subsampling
    grey = np.tile(np.linspace(16, 235, SIDE // 4).round().repeat(4), (SIDE, 1))  # the same in each block
    blocks = (
        bytes([*grey[y : y + down, x : x + across].ravel().astype(int).tolist(), 128, 128])
        for y in range(0, SIDE, down)
        for x in range(0, SIDE, across)
    )
    tags = {**page(SIDE, SIDE, 8, 3, YCBCR), 530: (SHORT, list(subsampling))}
    if is_video:
        tags[532] = (RATIONAL, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])
    shown = (grey - 16) * 255 / 219 if is_video else grey
    check(tiff(tags, [b"".join(blocks)]), shown[..., None], 1.01)


@pytest.mark.parametrize("photometric", ["rgb", "ycbcr"])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_jpeg_in_a_tiff_is_read_in_its_own_colours(photometric: str, tile: tuple[int, int] | None) -> None:
    values = np.full((64, 64, 3), (200, 30, 90), np.uint8)
    given = values if photometric == "rgb" else np.asarray(Image.fromarray(values).convert("YCbCr"))
    layout = {"tile": tile} if tile else {"rowsperstrip": 16}
    data = by_tifffile(given, photometric=photometric, compression="jpeg", compressionargs={"level": 98}, **layout)
    check(data, values, 4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_deep_tiff_is_undone(orientation: int) -> None:
    grey = np.arange(32 * 24, dtype=np.uint16).reshape(24, 32) * 85
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "TIFF", exif=exif)
    shape = decode_image(buffer.getvalue()).pixels.shape
    assert shape == ((24, 32, 3) if orientation < 5 else (32, 24, 3))


def test_bits_beyond_a_row_of_a_bilevel_tiff_are_no_pixels() -> None:
    grey = (np.indices((20, 21)).sum(0) % 2).astype(np.uint8)
    strip = b"".join(np.packbits(row).tobytes() for row in grey)
    check(tiff(page(20, 21, 1, 1, BLACK_IS_ZERO), [strip]), grey[..., None] * 255, 0)


# what is refused


@pytest.mark.parametrize(
    ("bits", "samples", "photometric", "more", "match"),
    [
        (12, 1, BLACK_IS_ZERO, {"format": SIGNED}, "of 12 bit signed samples"),
        (24, 1, BLACK_IS_ZERO, {}, "of 24 bit samples"),
        (64, 1, BLACK_IS_ZERO, {"format": COMPLEX}, "of 64 bit complex samples"),
        (8, 3, 8, {}, "CIELab"),
        (8, 1, 32803, {}, "colour filters"),
        (1, 1, 4, {}, "a mask of transparency"),
        (16, 3, 32845, {"format": SIGNED}, "LogLuv"),
        (8, 1, 777, {}, "colour space 777"),
        (32, 3, YCBCR, {"format": FLOAT}, "of 32 bit samples in a palette, CMYK or YCbCr"),
        (8, 1, RGB, {}, "with 1 samples a pixel in place of 3"),
        (8, 4, YCBCR, {}, "samples beyond its colours"),
        (8, 5, BLACK_IS_ZERO, {}, "5 grey channels"),
        (8, 1, BLACK_IS_ZERO, {"compression": 34712}, "packed by JPEG 2000"),
        (8, 3, YCBCR, {"compression": 6}, "packed by old JPEG"),
        (8, 1, BLACK_IS_ZERO, {"compression": 7777}, "packed by method 7777"),
    ],
)
def test_what_is_not_read_is_refused_by_name(
    bits: int, samples: int, photometric: int, more: dict[str, int], match: str
) -> None:
    strip = bytes(SIDE * SIDE * samples * 8)
    refused(tiff(page(SIDE, SIDE, bits, samples, photometric, **more), [strip]), f"found a TIFF .*{match}")


def test_samples_of_different_depths_or_kinds_are_refused() -> None:
    tags = {**page(SIDE, SIDE, 8, 3, RGB), 258: (SHORT, [5, 6, 5])}
    refused(tiff(tags, [bytes(2 * SIDE * SIDE)]), r"different bits \(5, 6, 5\)")
    tags = {**page(SIDE, SIDE, 8, 3, RGB), 339: (SHORT, [1, 1, 2])}
    refused(tiff(tags, [bytes(3 * SIDE * SIDE)]), r"different formats \(1, 1, 2\)")


def test_inks_that_are_not_cmyk_and_volumes_and_a_raw_files_preview_are_refused() -> None:
    strip = bytes(4 * SIDE * SIDE)
    refused(tiff({**page(SIDE, SIDE, 8, 4, CMYK), 332: (SHORT, [2])}, [strip]), "inks other than cyan")
    refused(tiff({**page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), 32997: (LONG, [4])}, [strip]), "volume")
    preview = {**page(SIDE, SIDE, 8, 3, RGB), 254: (LONG, [1]), 330: (LONG, [8])}
    refused(tiff(preview, [strip]), "only a small version of another")


def test_a_strip_that_is_missing_empty_or_out_of_the_file_is_refused() -> None:
    whole = tiff(page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), [bytes(SIDE * SIDE)])
    half = {**page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), 278: (LONG, [SIDE // 2])}
    check(whole, np.zeros(3))
    refused(tiff(half, [bytes(SIDE * SIDE // 2)]), "truncated or damaged")
    refused(tiff(half, [bytes(SIDE * SIDE // 2), b""]), "truncated or damaged")
    refused(tiff(page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), [bytes(SIDE * SIDE - 1)]), "truncated or damaged")
    place = whole.index(struct.pack("<HHII", 273, 4, 1, 8))
    refused(whole[: place + 8] + struct.pack("<I", 4000) + whole[place + 12 :], "truncated or damaged")


# what it costs


def test_many_pages_of_many_tags_are_counted_and_not_read() -> None:
    first = tiff(page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), [bytes(SIDE * SIDE)])
    tags = b"".join(struct.pack("<HHII", 40_000 + tag, 1, 1, 0) for tag in range(4000))
    beyond = []
    for number in range(999):
        following = len(first) + (number + 1) * (6 + len(tags)) if number < 998 else 0
        beyond.append(struct.pack("<H", 4000) + tags + struct.pack("<I", following))
    (directory,) = struct.unpack_from("<I", first, 4)
    (count,) = struct.unpack_from("<H", first, directory)
    place = directory + 2 + 12 * count
    data = first[:place] + struct.pack("<I", len(first)) + first[place + 4 :] + b"".join(beyond)
    assert len(data) > 45 * 2**20
    begin = time.perf_counter()
    picture = decode_image(data)
    assert time.perf_counter() - begin < 3  # 32 s where each is read
    assert picture.note == "First of 1000 or more pages."


def test_a_chain_of_pages_that_bites_its_tail_ends() -> None:
    tags = page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO)
    data = tiff(tags, [bytes(SIDE * SIDE)], following=8 + SIDE * SIDE)
    assert decode_image(data).note == "First of 1000 or more pages."
    assert decode_image(tiff(tags, [bytes(SIDE * SIDE)], following=2**31)).note == "First of several pages."


def test_too_many_tags_are_refused() -> None:
    tags = {**page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO), **{40_000 + tag: (SHORT, [0]) for tag in range(5000)}}
    refused(tiff(tags, [bytes(SIDE * SIDE)]), "5,012 tags, beyond 4,096")


def test_one_huge_tile_of_a_small_picture_is_refused_before_it_is_unpacked() -> None:
    tags = {**page(64, 64, 8, 1, BLACK_IS_ZERO, compression=8), 322: (LONG, [45_000]), 323: (LONG, [45_000])}
    refused(tiff(tags, [zlib.compress(bytes(10**6))], is_tiled=True), "64 × 64 pixels in parts of 45000 × 45000")
    tags = {**page(64, 64, 64, 3, RGB, compression=8, format=FLOAT), 322: (LONG, [6400]), 323: (LONG, [6400])}
    refused(tiff(tags, [zlib.compress(bytes(10**6))], is_tiled=True), r"at most 768 MB .*needs 938 MB")


def test_too_many_strips_and_strips_that_share_bytes_are_refused() -> None:
    tags = {**page(70_000, 16, 8, 1, BLACK_IS_ZERO), 278: (LONG, [1])}
    refused(tiff(tags, [bytes(16)] * 4), "70,000 strips or tiles, beyond 65,536")
    tags = {**page(64, 64, 8, 1, BLACK_IS_ZERO, compression=8), 278: (LONG, [1])}
    shared = tiff(tags, [zlib.compress(bytes(range(64)) * 50)] + [b"x"] * 63)
    places = [shared.index(struct.pack("<HHI", tag, 4, 64)) + 8 for tag in (273, 279)]
    offsets, lengths = (struct.unpack_from("<I", shared, place)[0] for place in places)
    size = len(shared)
    data = bytearray(shared)
    struct.pack_into("<64I", data, offsets, *[8] * 64)
    struct.pack_into("<64I", data, lengths, *[size - 8] * 64)
    refused(bytes(data), "truncated or damaged")


def test_what_unpacks_to_more_than_its_strip_does_not_take_the_memory() -> None:
    bomb = zlib.compress(bytes(150 * 2**20))
    script = (
        "import resource, sys\nfrom nero_core.data.decode import decode_image, ImageError\n"
        "data = sys.stdin.buffer.read(); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: decode_image(data)\nexcept ImageError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    data = tiff(page(SIDE, SIDE, 8, 1, BLACK_IS_ZERO, compression=8), [bomb])
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert int(done.stdout) < 60_000  # kB, most of it imports
    assert done.stderr == b""


@pytest.mark.parametrize(("bits", "kind", "side"), [(64, FLOAT, 5500), (32, FLOAT, 7900), (32, UNSIGNED, 7900)])
def test_the_memory_of_deep_samples_counts_and_not_only_the_pixels(bits: int, kind: int, side: int) -> None:
    tags = page(side, side, bits, 3, RGB, compression=8, format=kind)
    refused(tiff(tags, [zlib.compress(bytes(1000))]), rf"needs at most 768 MB .* {bits} bit.*, which needs")


def test_the_memory_limit_is_one_of_the_limits() -> None:
    data = tiff(page(SIDE, SIDE, 16, 1, BLACK_IS_ZERO), [bytes(2 * SIDE * SIDE)])
    need = (2 + 2 + 3) * SIDE * SIDE
    assert decode_image(data, limits=Limits(max_memory=need)).pixels.shape == (SIDE, SIDE, 3)
    refused(data, "while it is decoded", Limits(max_memory=need - 1))
