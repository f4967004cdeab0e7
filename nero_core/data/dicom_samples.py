"""One frame of a DICOM file → samples, by decoders of permissive licences.

pydicom unpacks what is not compressed and run lengths, and has Pillow do JPEG and pylibjpeg-openjpeg JPEG 2000;
imagecodecs reads JPEG that is lossless or has 12 bit, and JPEG-LS. What a codestream says of its own size is compared
with the file's before it is decoded. Two stay out for what damaged files do to them: pylibjpeg-rle ends the process,
and pyjpegls computes for seconds.
"""

import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np
from jaxtyping import Shaped
from pydicom.encaps import encapsulate, generate_frames, get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from nero_core.data.dicom_file import NATIVE, DicomError, DicomFile
from nero_core.data.dicom_picture import StoredPicture, check_length
from nero_core.data.jpeg_frame import jpeg_frame

JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless)
JPEG_2000 = (JPEG2000Lossless, JPEG2000, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL)
BY_IMAGECODECS = (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless)
SYNTAXES = (*NATIVE, *JPEG, *JPEG_2000, RLELossless)  # that are read
_VIDEO = "1.2.840.10008.1.2.4.10"  # MPEG-2, MPEG-4 and HEVC are 1.2.840.10008.1.2.4.100 to .108
_SIZ = b"\xff\x4f\xff\x51"  # with which a JPEG 2000 codestream begins
_JP2 = b"\x00\x00\x00\x0cjP  "  # how a JP2 file begins


def check_syntax(syntax: UID) -> None:
    """Refuse what no decoder here reads.

    Raises:
        DicomError: none does.
    """
    if syntax in SYNTAXES:
        return
    if syntax.startswith(_VIDEO):
        raise DicomError(f"that holds a video ({syntax.name}), which is not read")
    known = syntax.name if syntax.name != str(syntax) else "of no known kind"
    raise DicomError(f"compressed in a way that is not read ({known})")


def one_frame(file: DicomFile, picture: StoredPicture, index: int) -> Shaped[np.ndarray, "..."]:
    """The samples of a frame, ``height width`` or ``height width 3`` in RGB; ``index`` from 0.

    Raises:
        DicomError: it is stored in a way that is not read, or is another picture than the file says.
        Exception: nearly anything, where it is damaged.
    """
    data = getattr(file.elements, picture.keyword)
    if file.syntax in NATIVE:
        check_length(picture, len(data))
        return _native(file, picture, data, index)
    offsets = _offsets(file)
    return _compressed(file, picture, get_frame(data, index, number_of_frames=picture.frames, extended_offsets=offsets))


def all_frames(file: DicomFile, picture: StoredPicture) -> Iterator[Shaped[np.ndarray, "..."]]:
    """The samples of each frame in turn, as ``one_frame`` has them and with its errors."""
    if file.syntax in NATIVE:
        for index in range(picture.frames):
            yield one_frame(file, picture, index)
        return
    data, offsets = getattr(file.elements, picture.keyword), _offsets(file)
    encoded = generate_frames(data, number_of_frames=picture.frames, extended_offsets=offsets)
    for _ in range(picture.frames):  # a damaged table may tell of more
        frame = next(encoded, None)
        if frame is None:
            raise DicomError(f"that is cut off: fewer than its {picture.frames:,} frames are there")
        yield _compressed(file, picture, frame)


def _offsets(file: DicomFile) -> tuple[bytes, bytes] | None:
    table, lengths = (file.elements.get(f"ExtendedOffsetTable{part}") for part in ("", "Lengths"))
    return (table, lengths) if table and lengths else None


def _options(picture: StoredPicture, frames: int) -> dict[str, object]:
    options: dict[str, object] = {
        "rows": picture.height,
        "columns": picture.width,
        "samples_per_pixel": picture.samples,
        "photometric_interpretation": picture.photometric,
        "bits_allocated": picture.bits,
        "number_of_frames": frames,
        "pixel_keyword": picture.keyword,
    }
    if picture.samples > 1:
        options["planar_configuration"] = int(picture.is_planar)
    if picture.keyword == "PixelData":
        options |= {"bits_stored": picture.used, "pixel_representation": int(picture.is_signed)}
    return options


def _native(file: DicomFile, picture: StoredPicture, data: bytes, index: int) -> Shaped[np.ndarray, "..."]:
    options = _options(picture, picture.frames)
    if file.elements[picture.keyword].VR == "OW" and not file.is_little_endian:
        options["pixel_vr"] = "OW"
    samples, _ = get_decoder(file.syntax).as_array(data, index=index, **options)  # type: ignore[arg-type]
    return samples.astype(samples.dtype.newbyteorder("="), copy=False)


def _compressed(file: DicomFile, picture: StoredPicture, encoded: bytes) -> Shaped[np.ndarray, "..."]:
    if picture.keyword != "PixelData":
        raise DicomError("of compressed floats, which is not read")
    _check_codestream(file.syntax, picture, encoded)
    if file.syntax in BY_IMAGECODECS:
        return _by_imagecodecs(picture, encoded)
    options = _options(picture, 1) | {"decoding_plugin": _plugin(file.syntax)}
    samples, _ = get_decoder(file.syntax).as_array(encapsulate([encoded]), index=0, **options)  # type: ignore[arg-type]
    return samples


def _plugin(syntax: UID) -> str:
    """pydicom's name of the decoder: always these, whatever else may be installed."""
    if syntax == RLELossless:
        return "pydicom"
    return "pylibjpeg" if syntax in JPEG_2000 else "pillow"


def _by_imagecodecs(picture: StoredPicture, encoded: bytes) -> Shaped[np.ndarray, "..."]:
    """JPEG that is lossless or has 12 bit, and JPEG-LS."""
    frame = jpeg_frame(encoded)
    is_ls = frame is not None and frame.is_ls
    samples = (imagecodecs.jpegls_decode if is_ls else imagecodecs.jpeg8_decode)(encoded)
    expected = (picture.height, picture.width, *((3,) if picture.samples == 3 else ()))
    if samples.shape != expected or samples.dtype.itemsize * 8 > picture.bits:
        raise DicomError("whose picture is of another size than it says")
    if picture.is_signed:
        spare = 8 * picture.bits // 8 - picture.used
        signed = samples.astype(f"u{picture.bits // 8}") << spare
        return signed.view(f"i{picture.bits // 8}") >> spare
    if picture.photometric.startswith("YBR_FULL") and frame is not None and (frame.is_lossless or is_ls):
        return convert_color_space(samples, "YBR_FULL", "RGB")  # libjpeg converts what is lossy alone
    return samples


def _check_codestream(syntax: UID, picture: StoredPicture, encoded: bytes) -> None:
    """Refuse a frame that is larger than the file says: a decoder makes room for what the frame says."""
    if syntax in JPEG:
        frame = jpeg_frame(encoded[encoded.find(b"\xff\xd8") :])
        size = None if frame is None else (frame.height, frame.width, frame.components)
    elif syntax in JPEG_2000:
        _check_boxes(encoded)
        size = _jpeg_2000_size(encoded)
    else:
        return  # run lengths fill the room that the file asks for
    if size is None:
        raise DicomError("whose compressed pixels are damaged: their size cannot be read")
    if size != (picture.height, picture.width, picture.samples):
        stored = f"{size[1]} × {size[0]} of {size[2]} samples"
        told = f"{picture.width} × {picture.height} of {picture.samples}"
        raise DicomError(f"whose compressed pixels are {stored} where it tells of {told}")


def _check_boxes(encoded: bytes) -> None:
    """Refuse a JP2 file whose boxes do not lead to its codestream (ISO 15444-1, I.4): pydicom would go on for ever."""
    if not encoded.startswith(_JP2):
        return
    place = 12
    while encoded[place + 4 : place + 8] != b"jp2c":
        length = int.from_bytes(encoded[place : place + 4], "big")
        if length < 8 or place + length + 8 > len(encoded):
            raise DicomError("whose compressed pixels are damaged: their boxes do not lead to a picture")
        place += length


def _jpeg_2000_size(encoded: bytes) -> tuple[int, int, int] | None:
    """Height, width and components (ISO 15444-1, A.5.1), also of a codestream within a JP2 file."""
    place = encoded.find(_SIZ)
    if place < 0 or len(encoded) < place + 42:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", encoded, place + 8)
    return bottom - top, right - left, struct.unpack_from(">H", encoded, place + 40)[0]
