"""Decoding: every format and mode comes out upright in RGB; every hostile file is refused in words, cheaply."""

import hashlib
import io
import pickle
import struct
import threading
import tomllib
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from nero_core.data.decode import (
    Limits,
    Picture,
    decode_batch,
    decode_image,
    file_name,
    resize,
    thumbnail,
    to_batch,
)
from nero_core.errors import ImageError


def noise(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(2**20)))
        + chunk(b"IEND", b"")
    )


def webp_claiming(width: int, height: int) -> bytes:
    canvas = struct.pack("<I", 0) + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    still = encode(noise(), "WEBP", lossless=True)[12:]
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + still
    return b"RIFF" + struct.pack("<I", len(body)) + body


# what comes out


@pytest.mark.parametrize("seed", range(20))
def test_decoding_an_encoded_png_gives_the_same_pixels(seed: int) -> None:
    height, width = np.random.default_rng(seed).integers(16, 90, 2)
    pixels = noise(int(height), int(width), seed)
    np.testing.assert_array_equal(decode_image(encode(pixels)).pixels, pixels)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_lossless_formats_keep_every_pixel(kind: str, options: dict[str, object]) -> None:
    picture = decode_image(encode(noise(), kind, **options))
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.note == ""


def test_a_jpeg_comes_close_to_its_pixels() -> None:
    smooth = np.dstack([np.tile(np.linspace(0, 255, 64), (48, 1))] * 3).astype(np.uint8)
    assert np.abs(decode_image(encode(smooth, "JPEG", quality=95)).pixels.astype(int) - smooth).max() <= 4


def test_a_phones_multi_picture_file_is_read_as_its_photograph() -> None:
    photograph = Image.new("RGB", (32, 24), (200, 30, 30))
    data = encode(photograph, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16), (0, 255, 0))])
    picture = decode_image(data)
    assert picture.pixels.shape == (24, 32, 3)
    assert abs(int(picture.pixels[0, 0, 0]) - 200) < 5


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_palette_and_bilevel_images_become_what_pillow_shows(mode: str, kind: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    picture = decode_image(encode(image, kind))
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))
    assert picture.pixels.dtype == np.uint8
    assert picture.note == ""


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_and_the_note_says_so(kind: str) -> None:
    picture = decode_image(encode(Image.new("CMYK", (32, 24), (0, 255, 255, 0)), kind))
    assert picture.pixels[12, 16].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert picture.note == "CMYK converted without its colour profile."


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_from_its_full_range(kind: str) -> None:
    grey = np.linspace(0, 65535, 24 * 32).round().astype(np.uint16).reshape(24, 32)
    picture = decode_image(encode(grey, kind))
    np.testing.assert_array_equal(picture.pixels[..., 1], np.rint(grey / 257))
    assert picture.note == "16 bit grey read as 8 bit."


def test_big_endian_sixteen_bit_tiff_is_scaled_too() -> None:
    grey = np.linspace(0, 65535, 24 * 32).round().astype(">u2").reshape(24, 32)
    data = encode(Image.frombytes("I;16B", (32, 24), grey.tobytes()), "TIFF")
    np.testing.assert_array_equal(decode_image(data).pixels[..., 0], np.rint(grey / 257))


def test_sixteen_bit_colour_png_keeps_the_upper_byte_and_says_so() -> None:
    rows = b"".join(b"\0" + noise()[row].astype(">u2").__mul__(257).astype(">u2").tobytes() for row in range(24))
    header = struct.pack(">IIBBBBB", 32, 24, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    picture = decode_image(data)
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.note == "16 bit colour read as 8 bit."


def test_float_tiff_within_zero_and_one_is_scaled_by_255() -> None:
    values = np.linspace(0.25, 0.75, 24 * 32, dtype=np.float32).reshape(24, 32)
    picture = decode_image(encode(values, "TIFF"))
    np.testing.assert_array_equal(picture.pixels[..., 0], np.rint(values.astype(np.float64) * 255))
    assert picture.note == "32 bit grey: 0 … 1 spread over 0 … 255."


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_other_32_bit_grey_is_spread_from_its_own_extremes(dtype: type) -> None:
    values = np.linspace(-1000, 3000, 24 * 32).astype(dtype).reshape(24, 32)
    picture = decode_image(encode(values, "TIFF"))
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 255)
    assert picture.note == "32 bit grey: -1000 … 3000 spread over 0 … 255."


def test_undefined_floats_are_shown_as_the_lowest_value() -> None:
    values = np.full((24, 32), 5.0, np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    values[1, 0] = 7
    picture = decode_image(encode(values, "TIFF"))
    assert picture.pixels[0, :3].max() == 0
    assert picture.pixels[1, 0].tolist() == [255, 255, 255]
    assert picture.note.endswith("Undefined pixels are shown as the lowest value.")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_transparent_parts_are_composited_on_black(kind: str) -> None:
    rgba = np.dstack([np.full((24, 32, 3), 200, np.uint8), np.full((24, 32), 255, np.uint8)])
    rgba[:, :8, 3], rgba[:, 8:16, 3] = 0, 128
    picture = decode_image(encode(rgba, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {})))
    assert picture.pixels[3, [0, 8, 16], 0].tolist() == pytest.approx([0, 100, 200], abs=1)
    assert picture.note == "Transparent parts are shown on black."


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    rgba = np.dstack([noise(), np.full((24, 32), 255, np.uint8)])
    picture = decode_image(encode(rgba))
    np.testing.assert_array_equal(picture.pixels, noise())
    assert picture.note == ""


def test_grey_with_alpha_is_composited_on_black() -> None:
    image = Image.merge("LA", (Image.new("L", (32, 24), 200), Image.new("L", (32, 24), 51)))
    assert decode_image(encode(image)).pixels[5, 5].tolist() == [40, 40, 40]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_counts_as_alpha(mode: str) -> None:
    image = Image.new("RGB", (32, 24), (102, 102, 102)).convert(mode)
    colour = image.getpixel((0, 0))
    picture = decode_image(encode(image, transparency=colour))
    assert picture.pixels.max() == 0
    assert picture.note == "Transparent parts are shown on black."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    upright = np.zeros((48, 64, 3), np.uint8)  # blocks of eight survive JPEG; the four corners differ
    upright[:16, :16], upright[:16, -16:], upright[-16:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    stored = {  # EXIF 2.32, tag 0x0112: how the camera stored what is upright
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    picture = decode_image(encode(np.ascontiguousarray(stored), kind, exif=exif, **options))
    assert picture.pixels.shape == (48, 64, 3)
    np.testing.assert_allclose(picture.pixels.astype(int), upright, atol=40)


def test_broken_exif_leaves_the_pixels_readable() -> None:
    data = encode(noise(), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    np.testing.assert_array_equal(decode_image(data).pixels, noise())


def test_metadata_is_dropped() -> None:
    secret, exif = "PATIENT JANE DOE", Image.Exif()
    exif[0x010E] = secret
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", secret)
    picture = decode_image(encode(noise(), exif=exif, pnginfo=text, icc_profile=secret.encode()))
    metadata = [getattr(picture, name) for name in ("id", "name", "note")]
    assert not any(secret in value for value in metadata)
    assert type(picture.pixels) is np.ndarray
    assert secret.encode() not in thumbnail(picture, 32)
    np.testing.assert_array_equal(picture.pixels, noise())


@pytest.mark.parametrize(("kind", "word"), [("WEBP", "frames"), ("PNG", "frames"), ("TIFF", "pages")])
def test_of_many_frames_the_first_is_read_and_the_note_says_so(kind: str, word: str) -> None:
    frames = [Image.new("RGB", (32, 24), (value, 0, 0)) for value in (250, 20, 120)]
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode_image(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert picture.pixels[0, 0].tolist() == [250, 0, 0]
    assert picture.note == f"First of 3 {word}."


def test_the_id_is_the_sha256_of_the_bytes_and_the_name_has_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "polyp.png"
    path.write_bytes(encode(noise()))
    picture = decode_image(path)
    assert picture.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert picture.name == "polyp.png"
    assert decode_image(str(path)) == picture == decode_image(path.read_bytes(), "polyp.png")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/etc/passwd.png", "passwd.png"),
        ("C:\\Users\\jane\\polyp.jpg", "polyp.jpg"),
        ("../../polyp.jpg", "polyp.jpg"),
        ("a\x1b[31m\r\nb\0.png", "a[31mb.png"),
        ("gnp.\u202epolyp\ud800.png", "gnp.polyp.png"),
        ("", "unnamed image"),
        ("\x07", "unnamed image"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_hostile_names_are_shown_harmlessly(path: str, shown: str) -> None:
    assert file_name(path) == shown


# what is refused


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("name", "data", "actual"),
    [
        ("empty.png", b"", "an empty file"),
        ("notes.jpg", "Größe 3 mm, Höhe 4 mm".encode() * 200, "text"),
        ("page.png", b"<!DOCTYPE html><html></html>", "a web page"),
        ("drawing.png", SVG, "an SVG drawing"),
        ("model.png", pickle.dumps({"a": 1}), "a Python pickle"),
        ("model.pt", b"PK\x03\x04" + bytes(100), "a ZIP archive or a PyTorch checkpoint"),
        ("report.png", b"%PDF-1.7\n", "a PDF"),
        ("scan.png", bytes(128) + b"DICM" + bytes(50), "a DICOM file without an image"),
        ("film.png", encode(noise(), "GIF"), "a GIF"),
        ("phone.jpg", b"\0\0\0\x18ftypheic" + bytes(50), "a HEIC"),
        ("phone.avif", b"\0\0\0\x18ftypavif" + bytes(50), "an AVIF"),
        ("film.jpg", b"\0\0\0\x18ftypisom" + bytes(50), "a video"),
        ("slide.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        ("data.png", bytes(range(256)), "data of no known kind"),
        ("icon.ico", encode(noise(), "ICO"), "data of no known kind"),
        ("bmi.png", b"BMI 27, no findings.", "text"),
        ("head.png", b"\x89PNG\r\n\x1a\n", "a PNG with a damaged or unusual header"),
        ("head.jpg", b"\xff\xd8\xff\xe0", "a JPEG with a damaged or unusual header"),
        ("head.tif", b"II*\0\xff\xff\xff\xff", "a TIFF with a damaged or unusual header"),
        ("head.bmp", b"BM" + bytes(60), "a BMP with a damaged or unusual header"),
        ("head.webp", b"RIFF\x10\0\0\0WEBPVP8 \0\0\0\0", "a WebP with a damaged or unusual header"),
    ],
)
def test_what_is_no_image_is_refused_by_name_with_what_it_looks_like(name: str, data: bytes, actual: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(data, name)
    assert str(caught.value).startswith(
        f"{name}: expected a PNG, JPEG, TIFF, BMP, WebP or DICOM image; found {actual}. "
    )
    assert str(caught.value).endswith(".")


def test_an_empty_file_is_refused_in_these_words() -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(b"", "polyp.jpg")
    expected = (
        "polyp.jpg: expected a PNG, JPEG, TIFF, BMP, WebP or DICOM image; found an empty file. Export the image again."
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    data = encode(noise(64, 64), kind)
    with pytest.raises(ImageError, match="cut: expected a PNG, JPEG, TIFF, BMP, WebP or DICOM image; found a "):
        decode_image(data[: int(len(data) * share)], "cut")


def test_a_pickle_is_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)

    with pytest.raises(ImageError, match="a Python pickle"):
        decode_image(pickle.dumps(Bomb()), "cat.png")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("seed", range(60))
def test_a_corrupted_image_decodes_or_is_refused_but_never_breaks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")[seed % 5]
    data = bytearray(encode(noise(), kind))
    for position in rng.integers(0, min(len(data), 400), 6):
        data[position] = int(rng.integers(256))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd tags
        try:
            picture = decode_image(bytes(data), "odd")
        except ImageError as error:
            assert str(error).startswith("odd: expected ")
        else:
            assert picture.pixels.ndim == 3


@pytest.mark.parametrize(
    ("data", "actual"),
    [
        (png_claiming(60_000, 60_000), "60000 × 60000"),
        (png_claiming(2**31 - 1, 2**31 - 1), "2147483647 × 2147483647"),
        (png_claiming(9000, 9000), "9000 × 9000"),  # under Pillow's own limit
        (png_claiming(11_000, 11_000), "11000 × 11000"),  # where Pillow would warn
        (webp_claiming(16_384, 16_384), "one of far too many pixels"),
    ],
)
def test_a_decompression_bomb_is_refused_before_it_is_decoded(data: bytes, actual: str, tmp_path: Path) -> None:
    assert len(data) < 8000
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(ImageError, match=rf"bomb\.png: .*found {actual}"):
                decode_image(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_bomb_touches_no_memory_outside_python_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: object) -> None:
        raise AssertionError("decoded before the limits were checked")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(ImageError, match="at most 64 million pixels"):
        decode_image(png_claiming(60_000, 60_000), "bomb.png")


def test_a_file_beyond_the_size_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(51 * 2**20)  # sparse: takes no space
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"large\.png: expected a file of at most 50 MB; found 51 MB"):
            decode_image(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    with pytest.raises(ImageError, match="at most 50 MB"):
        decode_image(bytes(51 * 2**20), "large.png")


def test_the_limits_are_inclusive() -> None:
    data = encode(noise(16, 20))
    exact = Limits(max_bytes=len(data), max_pixels=320, min_side=16)
    assert decode_image(data, limits=exact).pixels.shape == (16, 20, 3)
    for limits in (
        Limits(max_bytes=len(data) - 1),
        Limits(max_pixels=319),
        Limits(min_side=17),
    ):
        with pytest.raises(ImageError):
            decode_image(data, limits=limits)


def test_the_upload_limit_of_the_screen_is_the_limit_of_a_file() -> None:
    config = tomllib.loads((Path(__file__).parents[3] / ".streamlit/config.toml").read_text())
    assert config["server"]["maxUploadSize"] * 2**20 == Limits().max_bytes


def test_one_pixel_is_refused() -> None:
    with pytest.raises(ImageError, match=r"dot\.png: expected at least 16 pixels on each side; found 1 × 1"):
        decode_image(encode(noise(1, 1)), "dot.png")


def test_a_folder_a_missing_file_and_an_impossible_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="found a folder"):
        decode_image(tmp_path)
    with pytest.raises(ImageError, match=r"gone\.png: .* found no such file"):
        decode_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="found a file that cannot be read"):
        decode_image("a\0b.png")
    with pytest.raises(ImageError, match="found a file that cannot be read"):
        decode_image(tmp_path / ("x" * 4000))


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path, mode: str) -> None:  # root may read anything, so the refusal is put on
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "locked.png"
    path.write_bytes(encode(noise()))
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ImageError, match=r"locked\.png: .*cannot be read \(permission denied\)"):
        decode_image(path)


def test_a_device_is_refused_instead_of_read_for_ever() -> None:
    with pytest.raises(ImageError, match="not a regular file"):
        decode_image("/dev/zero")


# batches


def test_a_batch_has_the_classifiers_size_and_range() -> None:
    batch = decode_batch([encode(noise(40, 90)), encode(noise(100, 33))], size=(24, 32), names=["a", "b"])
    assert batch.pixels.shape == (2, 3, 24, 32)
    assert batch.pixels.dtype == torch.float32
    assert 0 <= float(batch.pixels.min()) < float(batch.pixels.max()) <= 1
    assert batch.names == ("a", "b")
    assert batch.labels is None


def test_an_image_of_the_right_size_passes_unchanged() -> None:
    batch = decode_batch([encode(noise())], size=(24, 32))
    expected = torch.from_numpy(noise()).permute(2, 0, 1) / 255
    torch.testing.assert_close(batch.pixels[0], expected, rtol=0, atol=0)


def test_resizing_averages_instead_of_skipping_pixels() -> None:
    board = np.indices((128, 128)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    small = resize(Picture(board.astype(np.uint8), "", ""), (16, 32))
    assert small.pixels.shape == (16, 32, 3)
    assert np.abs(small.pixels.astype(int) - 127).max() <= 3


def test_two_files_of_one_name_keep_their_order_and_ids() -> None:
    first, second = encode(noise(seed=1)), encode(noise(seed=2))
    batch = decode_batch([first, second, first], size=(24, 32), names=["polyp.png"] * 3)
    digests = [hashlib.sha256(data).hexdigest() for data in (first, second, first)]
    assert batch.ids == tuple(digests)
    assert not torch.equal(batch.pixels[0], batch.pixels[1])
    assert torch.equal(batch.pixels[0], batch.pixels[2])


def test_labels_and_notes_travel_with_the_batch() -> None:
    pictures = [Picture(noise(), "i", "n", "First of 2 frames."), Picture(noise(), "j", "m")]
    batch = to_batch(pictures, (16, 16), labels=[3, 1])
    assert batch.labels is not None
    assert batch.labels.tolist() == [3, 1]
    assert batch.notes == ("First of 2 frames.", "")


def test_an_empty_batch_has_shape_zero() -> None:
    assert to_batch([], (16, 20)).pixels.shape == (0, 3, 16, 20)


def test_of_thirty_files_three_broken_ones_do_not_stop_the_others(tmp_path: Path) -> None:
    for number in range(30):
        data = encode(noise(seed=number))
        (tmp_path / f"{number:02}.png").write_bytes(data[:100] if number in (3, 17, 29) else data)
    good, bad = [], []
    for path in sorted(tmp_path.iterdir()):
        try:
            good.append(decode_image(path))
        except ImageError as error:
            bad.append(str(error).split(":")[0])
    assert bad == ["03.png", "17.png", "29.png"]
    assert len(to_batch(good, (24, 32))) == 27


def test_many_threads_decode_the_same_pixels() -> None:
    data = [encode(noise(64, 64, seed), kind) for seed, kind in enumerate(["PNG", "JPEG", "TIFF", "BMP", "WEBP"])]
    expected = [decode_image(source).pixels for source in data]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(10):
            for index, source in enumerate(data):
                if not np.array_equal(decode_image(source).pixels, expected[index]):
                    wrong.append(index)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_thumbnail_is_webp_keeps_its_aspect_and_is_never_enlarged() -> None:
    wide = Image.open(io.BytesIO(thumbnail(decode_image(encode(noise(40, 160))), 80)))
    assert (wide.format, wide.size) == ("WEBP", (80, 20))
    small = Image.open(io.BytesIO(thumbnail(decode_image(encode(noise(24, 32))), 80)))
    assert small.size == (32, 24)
