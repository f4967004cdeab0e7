"""Files that look like something else are named as what they are; a sound PNG is read whatever it carries beside."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from nero_core.data.decode import Limits, decode_image
from nero_core.data.file_kind import image_kind, other_kind
from nero_core.data.jpeg_frame import jpeg_frame
from nero_core.errors import ImageError
from tests.nero_core.data.tiff_file import page, tiff

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
GREY = tiff(page(32, 32, 8, 1, 1), [bytes(range(256)) * 4])


def encode(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


def element(group: int, number: int, value: bytes, kind: bytes = b"", order: str = "<") -> bytes:
    """A DICOM element (PS3.5, 7.1), explicit where it has a kind."""
    length = struct.pack(f"{order}H" if kind else f"{order}I", len(value))
    return struct.pack(f"{order}HH", group, number) + kind + length + value


DICOM = {
    "preamble": bytes(128) + b"DICM" + element(2, 0, struct.pack("<I", 4), b"UL"),
    "TIFF in the preamble": b"II*\0\x08\0\0\0" + bytes(120) + b"DICM" + element(2, 0, struct.pack("<I", 4), b"UL"),
    "big TIFF in the preamble": b"MM\0+\0\x08\0\0" + bytes(120) + b"DICM" + element(2, 0, bytes(4), b"UL"),
    "JPEG in the preamble": b"\xff\xd8\xff\xe0" + bytes(124) + b"DICM" + element(2, 0, bytes(4), b"UL"),
    "no preamble, meta": element(2, 0, struct.pack("<I", 4), b"UL") + bytes(40),
    "no preamble, explicit": element(8, 5, b"ISO_IR 100", b"CS") + element(8, 8, b"ORIGINAL", b"CS"),
    "no preamble, big endian": element(8, 5, b"ISO_IR 100", b"CS", ">") + element(8, 8, b"ORIGINAL", b"CS", ">"),
    "no preamble, implicit": element(8, 0, struct.pack("<I", 30)) + element(8, 8, b"ORIGINAL") + bytes(20),
    "no preamble, implicit, no length": element(8, 5, b"ISO_IR 100") + element(8, 0x16, b"1.2.840.1") + bytes(20),
}


@pytest.mark.parametrize("form", DICOM)
def test_dicom_in_every_form_is_known_and_refused_where_it_holds_no_image(form: str) -> None:
    assert image_kind(DICOM[form]) == "DICOM"
    with pytest.raises(ImageError, match=r"scan: expected a PNG, .* found a .*DICOM file"):
        decode_image(DICOM[form], "scan")


def test_a_file_that_is_dicom_and_tiff_at_once_is_read_as_the_tiff() -> None:
    data = bytearray(GREY)
    data[128:132] = b"DICM"  # among the pixels, as in a file that is made to be both
    assert decode_image(bytes(data)).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\x0a\xfa\x1f\x01" + bytes(40), "a JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL image"),
        (b"8BPS\0\1" + bytes(40), "a Photoshop document"),
        (struct.pack("<I", 348) + bytes(340) + b"n+1\0", "a NIfTI volume"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "a Git LFS pointer in place of the file"),
        (b"\x08\x00 a few bytes that are no DICOM" + bytes(range(256)), "data of no known kind"),
        (struct.pack("<HHI", 8, 5, 2**20) + bytes(range(128, 256)), "data of no known kind"),
    ],
)
def test_other_kinds_are_named(data: bytes, kind: str) -> None:
    assert other_kind(data) == kind


def with_frame(marker: int, precision: int = 8) -> bytes:
    """A JPEG whose frame header says another process or depth."""
    data = bytearray(encode("JPEG"))
    place = data.index(b"\xff\xc0")
    data[place + 1], data[place + 4] = marker, precision
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (with_frame(0xF7), "a JPEG-LS image"),
        (with_frame(0xC3), "a lossless JPEG"),
        (with_frame(0xC1, 12), "a JPEG of 12 bits a sample"),
    ],
)
def test_a_jpeg_of_an_unusual_process_is_named_so(data: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=f"found {kind}\\."):
        decode_image(data, "scan.jpg")


@pytest.mark.parametrize("components", [0, 200])
def test_a_jpeg_whose_frame_has_no_components_or_more_than_there_are_is_refused_in_words(components: int) -> None:
    data = bytearray(encode("JPEG"))
    data[data.index(b"\xff\xc0") + 9] = components
    with pytest.raises(ImageError, match=r"scan\.jpg"):
        decode_image(bytes(data), "scan.jpg")


def test_a_jpegs_frame_tells_its_size_and_what_its_decoder_keeps() -> None:
    plain, progressive = jpeg_frame(encode("JPEG")), jpeg_frame(encode("JPEG", progressive=True, subsampling=0))
    assert plain is not None
    assert progressive is not None
    assert (plain.width, plain.height, plain.components, plain.precision) == (32, 24, 3, 8)
    assert (plain.share, plain.coefficient_bytes) == (1.5, 0)
    assert (progressive.share, progressive.coefficient_bytes) == (3.0, 6)
    assert jpeg_frame(b"\xff\xd8\xff\xe0") is None


@pytest.mark.parametrize("kind", ["icc", "text", "packed text", "international text"])
def test_a_png_with_megabytes_beside_its_pixels_is_read(kind: str) -> None:
    large = "pathology " * 300_000
    text = PngImagePlugin.PngInfo()
    if kind == "text":
        text.add_text("Comment", large)
    elif kind == "packed text":
        text.add_text("Comment", large, zip=True)
    elif kind == "international text":
        text.add_itxt("Comment", large, zip=True)
    options = {"icc_profile": large.encode()} if kind == "icc" else {"pnginfo": text}
    np.testing.assert_array_equal(decode_image(encode("PNG", **options)).pixels, PIXELS)


def test_text_of_a_png_that_unpacks_to_far_more_is_left_alone() -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2**24)) for _ in range(8)) + packer.flush()
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + packed
    bomb = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    data = encode("PNG")
    np.testing.assert_array_equal(decode_image(data[:33] + bomb + data[33:]).pixels, PIXELS)


def test_text_that_tells_the_orientation_still_counts() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="6"/>', zip=True)
    assert decode_image(encode("PNG", pnginfo=text)).pixels.shape == (32, 24, 3)


def test_the_canvases_of_an_animation_count() -> None:
    frames = [Image.new("RGBA", (64, 64), (shade, 0, 0, 200)) for shade in (0, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert decode_image(buffer.getvalue(), limits=Limits(max_memory=19 * 64 * 64)).note.startswith("First of 2 frames.")
    with pytest.raises(ImageError, match="while it is decoded; found a WebP of 64 × 64 pixels"):
        decode_image(buffer.getvalue(), limits=Limits(max_memory=19 * 64 * 64 - 1))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("JPEG", {"progressive": True, "subsampling": 0}), ("WEBP", {})]
)
def test_the_largest_picture_in_8_bit_colour_is_within_the_memory_limit(kind: str, options: dict[str, object]) -> None:
    pixels = PIXELS.shape[0] * PIXELS.shape[1]
    share = Limits().max_memory * pixels // Limits().max_pixels  # of the limit, that a picture so small may take
    assert decode_image(encode(kind, **options), limits=Limits(max_memory=share)).pixels.shape == PIXELS.shape
