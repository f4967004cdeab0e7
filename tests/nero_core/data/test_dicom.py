"""DICOM files against pydicom's own reading of its own test files, and against files that are made here."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import data_store
import imagecodecs
import jpeg_ls
import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import pixel_array
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless

from nero_core.data.decode import Limits, decode_image
from nero_core.data.dicom_file import read_dicom
from nero_core.data.dicom_picture import stored_picture
from nero_core.data.dicom_samples import one_frame
from nero_core.data.frames import decode_frames, frames_in
from nero_core.errors import ImageError
from tests.nero_core.data.dicom_files import dicom

OWN = Path(pydicom.data.__file__).parent / "test_files"
FILES = {
    path.name: path for folder in (OWN, Path(data_store.__file__).parent / "data") for path in folder.glob("*.dcm")
}
SMALL = Limits(min_side=1)

NO_IMAGE = "a DICOM file without an image"
REFUSED = {  # what is no image, and what is damaged
    **dict.fromkeys(
        "emri_small_jpeg_2k_lossless_too_short ExplVR_BigEndNoMeta ExplVR_LitEndNoMeta UN_sequence empty_charset_LEI "
        "meta_missing_tsyntax nested_priv_SQ no_meta_group_length priv_SQ reportsi reportsi_with_empty_number_tags "
        "rtplan rtplan_truncated rtstruct test-SR waveform_ecg".split(),
        NO_IMAGE,
    ),
    "no_meta": "data of no known kind",  # it begins with a byte too much
    "MR_truncated": "a DICOM file that is cut off: 8,130 of 8,192 bytes of its pixels are there",
    "badVR": "a truncated, damaged or unusual DICOM file",  # 1A frames
    "JPEG2000-embedded-sequence-delimiter": "a DICOM file whose compressed pixels are 3722445056 × 1024 of 1 samples",
}
LOSSLESS = {  # sha256 of the samples as libjpeg 2.5 (pylibjpeg-libjpeg, which is GPL and no part of this) decodes them
    "JPEG-LL": "a6e9d32143339d3f5748b5520aa4e6c6ffb3550b6f71fdf17bdb2ebb44bc2611",
    "JPGLosslessP14SV1_1s_1f_8b": "36e27e4f1e87a7d50407463323ddc3736736ecff35eb4e4a4c1b74646938835d",
    "SC_rgb_jpeg_gdcm": "169e619557b12114a7f0be8602026e9abb3d5045804311736ec14cecb026aca9",
    "bad_sequence": "ef7120ddfc77c166ecdc5ffb99715deff8be9f3e7c0409021c0e06b962d2a61a",
}


def reference(path: Path, index: int) -> np.ndarray:
    """A frame in 8 bit RGB by pydicom's own functions, which compute on whole pictures in float64."""
    data = dcmread(path, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    samples = pixel_array(data, index=index)
    samples = samples.astype(samples.dtype.newbyteorder("="))
    used = data.BitsStored
    if data.PhotometricInterpretation == "PALETTE COLOR":
        if data.file_meta.TransferSyntaxUID.is_little_endian:
            colours = apply_color_lut(samples, data)
        else:  # it reads the table in the machine's order
            colours = apply_color_lut(samples, data).byteswap()
        return (colours >> 8).astype(np.uint8)
    if data.SamplesPerPixel == 3:
        return np.rint(samples / (2**used - 1) * 255).astype(np.uint8)
    groups = [
        item[0] for part in ("Shared", "PerFrame") if (item := data.get(f"{part}FunctionalGroupsSequence")) is not None
    ]
    if len(groups) == 2:
        groups[1] = data.PerFrameFunctionalGroupsSequence[index]
    for group in groups:
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for element in group.get(name, [Dataset()])[0]:
                data[element.tag] = element
    meant = apply_modality_lut(samples, data)
    shown = np.asarray(apply_voi_lut(meant, data), np.float64)
    if data.get("VOILUTSequence"):
        low, high = 0, 2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1
    elif data.get("WindowWidth"):
        low, high = (-(2 ** (used - 1)), 2 ** (used - 1) - 1) if data.PixelRepresentation else (0, 2**used - 1)
        slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
        low, high = low * slope + intercept, high * slope + intercept
    elif used <= 8:
        low, high = 0, 2**used - 1
    else:
        low, high = shown.min(), shown.max()
    grey = np.rint(np.clip((shown - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return np.repeat((255 - grey if data.PhotometricInterpretation == "MONOCHROME1" else grey)[..., None], 3, axis=2)


def pixels(data: bytes, **options: Any) -> np.ndarray:
    return decode_image(data, "scan.dcm", **options).pixels


RAMP = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
COLOUR = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", sorted(FILES))
def test_pydicoms_own_files_are_read_as_pydicom_reads_them_or_refused_by_name(name: str) -> None:
    path, stem = FILES[name], name.removesuffix(".dcm")
    if stem in REFUSED:
        with pytest.raises(ImageError) as caught:
            decode_image(path, limits=SMALL)
        assert f"{name}: expected a PNG, JPEG, TIFF, BMP, WebP or DICOM image; found {REFUSED[stem]}" in str(
            caught.value
        )
        return
    if stem in LOSSLESS:
        file = read_dicom(path.read_bytes(), SMALL)
        samples = one_frame(file, stored_picture(file), 0)
        assert hashlib.sha256(np.ascontiguousarray(samples)).hexdigest() == LOSSLESS[stem]
        assert decode_image(path, limits=SMALL).pixels.shape[:2] == samples.shape[:2]
        return
    if stem in ("JPGExtended", "JPEG-lossy"):  # 12 bit: pydicom has no decoder of a permissive licence
        assert (decode_image(path).pixels[..., 0] > 0).mean() > 0.3
        return
    count = frames_in(path)
    for index in sorted({0, count // 2, count - 1}):
        read = decode_image(path, limits=SMALL, frame=index + 1).pixels.astype(int)
        apart = np.abs(read - reference(path, index))
        assert apart.max() <= 1
        assert (apart > 0).mean() <= 0.02  # what lies at half a grey may be rounded up or down


def test_each_file_on_a_cd_is_read_or_refused_by_name() -> None:
    files = [
        path for path in (OWN / "dicomdirtests").rglob("*") if path.is_file() and path.name.split(".")[0] != "README"
    ]
    read = 0
    for path in files:
        try:
            read += decode_image(path, limits=SMALL).pixels.shape == (16, 16, 3)
        except ImageError as error:
            assert NO_IMAGE in str(error)
    assert (len(files), read) == (89, 31)


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_in_either_order_is_read_as_it_is(planar: int) -> None:
    stored = COLOUR if planar == 0 else np.moveaxis(COLOUR, 2, 0)
    data = dicom(COLOUR, PlanarConfiguration=planar, PixelData=stored.tobytes())
    np.testing.assert_array_equal(pixels(data), COLOUR)


def test_a_jpeg_within_is_the_jpeg() -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOUR).save(buffer, "JPEG", quality=90)
    data = dicom(
        COLOUR, JPEGBaseline8Bit, PixelData=encapsulate([buffer.getvalue()]), PhotometricInterpretation="YBR_FULL_422"
    )
    expected = np.asarray(Image.open(io.BytesIO(buffer.getvalue()))).astype(int)
    assert np.abs(pixels(data) - expected).max() <= 2  # colours are converted once by libjpeg, once in float


@pytest.mark.parametrize("interleaved", [0, 1, 2])  # by picture, by line, by pixel
def test_jpeg_ls_is_read_however_its_colours_are_interleaved(interleaved: int) -> None:
    stored = np.moveaxis(COLOUR, 2, 0) if interleaved == 0 else COLOUR
    encoded = jpeg_ls.encode_buffer(stored.tobytes(), 20, 30, 3, 8, 0, interleaved)
    data = dicom(COLOUR, JPEGLSLossless, PixelData=encapsulate([bytes(encoded)]))
    np.testing.assert_array_equal(pixels(data), COLOUR)


def test_a_window_is_the_formula_of_the_standard() -> None:
    centre, width = 500.0, 401.0
    found = pixels(dicom(RAMP, WindowCenter=[centre, 9], WindowWidth=[width, 9]))[..., 0]
    x = RAMP.astype(np.float64)
    expected = np.clip(((x - (centre - 0.5)) / (width - 1) + 0.5), 0, 1) * 255  # PS3.3, C.11.2.1.2.1
    np.testing.assert_allclose(found, expected, atol=0.51)
    sigmoid = pixels(dicom(RAMP, WindowCenter=centre, WindowWidth=width, VOILUTFunction="SIGMOID"))[..., 0]
    np.testing.assert_allclose(sigmoid, 255 / (1 + np.exp(-4 * (x - centre) / width)), atol=0.51)
    rescaled = dicom(RAMP, RescaleSlope=2, RescaleIntercept=-100, WindowCenter=2 * centre - 100, WindowWidth=width)
    exact = np.clip((2 * x - 100 - (2 * centre - 100.5)) / (width - 1) + 0.5, 0, 1) * 255
    np.testing.assert_allclose(pixels(rescaled)[..., 0], exact, atol=0.51)


def test_a_table_says_how_grey_is_shown_and_comes_before_a_window() -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [1024, 0, 12], list(range(1023, -1, -1))
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    data = dicom(RAMP, VOILUTSequence=Sequence([item]), WindowCenter=1, WindowWidth=1)
    np.testing.assert_allclose(pixels(data)[..., 0], (1023 - RAMP.astype(float)) * 255 / 4095, atol=0.51)


def test_a_table_of_8_bit_entries_is_read_for_samples_of_more() -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [1024, 0, 8], np.repeat(np.arange(256, dtype=np.uint8), 4).tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    np.testing.assert_array_equal(pixels(dicom(RAMP, VOILUTSequence=Sequence([item])))[..., 0], RAMP // 4)


def test_white_at_the_lowest_value_is_shown_so() -> None:
    grey = (RAMP // 4).astype(np.uint8)
    np.testing.assert_array_equal(pixels(dicom(grey))[..., 0], grey)
    np.testing.assert_array_equal(pixels(dicom(grey, PhotometricInterpretation="MONOCHROME1"))[..., 0], 255 - grey)


def test_without_a_window_deep_grey_is_spread_and_padding_does_not_count() -> None:
    padded = RAMP.astype(np.int16)
    padded[:2] = -2000
    picture = decode_image(dicom(padded, PixelPaddingValue=-2000), "ct")
    assert picture.note == "16 bit grey: 64 … 1023 spread over 0 … 255."
    np.testing.assert_allclose(picture.pixels[2:, :, 0], (padded[2:] - 64.0) * 255 / (1023 - 64), atol=0.51)
    assert picture.pixels[:2].max() == 0


def test_what_lies_in_unused_bits_plays_no_part() -> None:
    overlaid = (RAMP | 0xF000).astype(np.uint16)
    window = {"WindowCenter": 512, "WindowWidth": 1024, "BitsStored": 12}
    np.testing.assert_array_equal(pixels(dicom(overlaid, **window)), pixels(dicom(RAMP, **window)))


def test_each_frame_is_an_image_of_its_own(tmp_path: Path) -> None:
    frames = np.stack([np.full((20, 24), value, np.uint8) for value in (10, 20, 30)])
    path = tmp_path / "loop.dcm"
    path.write_bytes(dicom(frames))
    pictures = list(decode_frames(path))
    assert [picture.name for picture in pictures] == [f"loop.dcm#frame {number}" for number in (1, 2, 3)]
    assert [int(picture.pixels.max()) for picture in pictures] == [10, 20, 30]
    assert len({picture.id for picture in pictures} | {hashlib.sha256(path.read_bytes()).hexdigest()}) == 4
    third = decode_image(f"{path}#frame 3")
    assert (third.name, third.id) == ("loop.dcm#frame 3", pictures[2].id)
    np.testing.assert_array_equal(third.pixels, pictures[2].pixels)
    first = decode_image(path)
    assert (first.note, first.id) == ("First of 3 frames.", hashlib.sha256(path.read_bytes()).hexdigest())
    assert frames_in(path) == 3
    with pytest.raises(ImageError, match="expected a frame from 1 to 3; found frame 4"):
        decode_image(f"{path}#frame 4")
    other = tmp_path / "a.png"
    Image.fromarray(COLOUR).save(other)
    with pytest.raises(ImageError, match="expected a DICOM file, of which a frame is asked for; found a PNG"):
        decode_image(f"{other}#frame 1")
    renamed = tmp_path / "b.png#frame 1"
    other.rename(renamed)
    assert decode_image(renamed).note == ""  # a file of just this name


def test_windows_of_single_frames_count() -> None:
    groups = []
    for centre in (100, 900):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 11
        group.FrameVOILUTSequence = Sequence([window])
        groups.append(group)
    data = dicom(np.stack([RAMP, RAMP]), PerFrameFunctionalGroupsSequence=Sequence(groups))
    white = [(picture.pixels == 255).all(2).sum() for picture in decode_frames(data, "enhanced.dcm")]
    assert white == [1024 - 105, 1024 - 905]


@pytest.mark.parametrize("form", ["TIFF in the preamble", "no preamble", "no preamble, implicit", "deflated"])
def test_a_file_in_any_form_is_read(form: str) -> None:
    data = dicom(COLOUR)
    if form == "TIFF in the preamble":
        data = b"II*\0\x08\0\0\0" + data[8:]
    elif form == "no preamble":
        data = data[132:]
    elif form == "no preamble, implicit":
        data = dicom(COLOUR, ImplicitVRLittleEndian)
        (length,) = struct.unpack_from("<I", data, 140)
        data = data[144 + length :]
    else:
        (length,) = struct.unpack_from("<I", data, 140)
        packer = zlib.compressobj(wbits=-15)
        uid = b"1.2.840.10008.1.2.1"
        head = data[: 144 + length].replace(struct.pack("<H", 20) + uid + b"\0", struct.pack("<H", 22) + uid + b".99")
        head = head[:140] + struct.pack("<I", length + 2) + head[144:]
        data = head + packer.compress(data[144 + length :]) + packer.flush()
    np.testing.assert_array_equal(pixels(data), COLOUR)


HOSTILE = {
    "far more pixels than bytes": (dicom(COLOUR, Rows=40_000, Columns=40_000), "at most 64 million pixels"),
    "far more frames than bytes": (dicom(COLOUR, NumberOfFrames=10**9), "1 to 4,096 frames; found 1,000,000,000"),
    "no frames": (dicom(COLOUR, NumberOfFrames=-2), "1 to 4,096 frames; found -2"),
    "more frames than bytes": (dicom(COLOUR, NumberOfFrames=9), "cut off: 1,800 of 16,200 bytes of its pixels"),
    "cut": (dicom(COLOUR)[:-10], "found a .*DICOM file"),
    "cut in the header": (dicom(COLOUR)[:200], "found a .*DICOM file"),
    "other colours": (dicom(COLOUR, PhotometricInterpretation="CMYK"), "in the colours 'CMYK' of 3 samples"),
    "high bits": (dicom(RAMP, BitsStored=12, HighBit=15), "do not begin at their lowest bit"),
    "a video": (dicom(COLOUR, "1.2.840.10008.1.2.4.102", PixelData=encapsulate([b"x"])), r"holds a video \(MPEG-4"),
    "an unknown syntax": (dicom(COLOUR, "1.2.3.4", PixelData=encapsulate([b"x"])), "of no known kind"),
    "no codestream": (dicom(COLOUR, JPEGBaseline8Bit, PixelData=encapsulate([b"nothing"])), "size cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_and_damaged_files_are_refused_with_what_was_found(kind: str) -> None:
    data, words = HOSTILE[kind]
    with pytest.raises(ImageError, match=words) as caught:
        decode_image(data, "scan.dcm")
    assert str(caught.value).startswith("scan.dcm: expected ")
    assert "Secret" not in str(caught.value)


def test_a_codestream_that_is_larger_than_the_file_says_is_refused_before_it_is_decoded() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(buffer, "JPEG")
    data = dicom(COLOUR, JPEGBaseline8Bit, PixelData=encapsulate([buffer.getvalue()]))
    with pytest.raises(
        ImageError, match="compressed pixels are 6000 × 6000 of 3 samples where it tells of 30 × 20 of 3"
    ):
        decode_image(data, "scan.dcm")


@pytest.mark.parametrize("kind", ["elements", "items", "nested", "deflated"])
def test_a_file_of_far_too_many_parts_is_refused_within_seconds(kind: str) -> None:
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    sequence = struct.pack("<HHI", 0x5200, 0x9230, 0xFFFFFFFF)
    syntax, words = ImplicitVRLittleEndian, "of more than 100,000 parts"
    if kind == "elements":
        body = b"".join(struct.pack("<HHI", 8, number % 65536, 0) for number in range(500_000))
    elif kind == "items":
        body = sequence + item * 300_000
    elif kind == "nested":
        body, words = (sequence + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)) * 100_000, "damaged or unusual DICOM"
    else:
        syntax, words = "1.2.840.10008.1.2.1.99", "larger than 50 MB when it is inflated"
        packer = zlib.compressobj(wbits=-15)
        body = b"".join(packer.compress(bytes(2**20)) for _ in range(64)) + packer.flush()
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    data = bytes(128) + b"DICM" + struct.pack("<HH2sH", 2, 16, b"UI", len(uid)) + uid + body
    with pytest.raises(ImageError, match=words):
        decode_image(data, "scan.dcm")


def test_flipped_bytes_never_raise_anything_but_an_image_error() -> None:
    rng = np.random.default_rng(1)
    names = "MR_small_RLE JPEG2000 SC_rgb_jpeg_dcmtk MR_small_jpeg_ls_lossless image_dfl SC_rgb_jpeg_gdcm".split()
    refused = 0
    for name in names:
        whole = np.frombuffer(FILES[f"{name}.dcm"].read_bytes(), np.uint8)
        for _ in range(25):
            data = whole.copy()
            data[rng.integers(0, len(data), 12)] = rng.integers(0, 256, 12)
            try:
                decode_image(data.tobytes(), "scan.dcm", SMALL)
            except ImageError as error:
                refused += 1
                assert str(error).startswith("scan.dcm: expected ")
    assert refused > 10


def test_burnt_in_text_that_a_file_owns_to_is_told_and_no_name_is_kept() -> None:
    picture = decode_image(dicom(COLOUR, BurnedInAnnotation="YES"), "scan.dcm")
    assert picture.note == "The file says that text is burnt into it."
    assert "Secret" not in repr(picture)
    assert "PatientName" not in read_dicom(dicom(COLOUR), Limits()).elements


@pytest.mark.timeout(60)
@pytest.mark.parametrize("length", [0, 7, 2**31])
def test_a_jpeg_2000_frame_whose_boxes_lead_nowhere_is_refused_and_not_walked_for_ever(length: int):
    whole = imagecodecs.jpeg2k_encode(np.zeros((20, 24), np.uint8), codecformat="jp2", reversible=True)
    assert whole[16:20] == b"ftyp"
    more = {"PixelData": encapsulate([whole])}
    assert decode_image(dicom(np.zeros((20, 24), np.uint8), JPEG2000Lossless, **more)).pixels.shape == (20, 24, 3)
    more = {"PixelData": encapsulate([whole[:12] + length.to_bytes(4, "big") + whole[16:]])}
    with pytest.raises(ImageError, match="boxes do not lead to a picture"):
        decode_image(dicom(np.zeros((20, 24), np.uint8), JPEG2000Lossless, **more))
