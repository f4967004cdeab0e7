"""DICOM files → 8 bit RGB, a frame at a time; of what they say of the patient, nothing is read.

Text that is burnt into the pixels stays in them.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped, UInt8

from nero_core.data.dicom_file import DicomError, DicomFile, read_dicom
from nero_core.data.dicom_grey import grey
from nero_core.data.dicom_lookup import palette_of_eight_bits
from nero_core.data.dicom_picture import GREY, PALETTE, StoredPicture, check_cost, stored_picture
from nero_core.data.dicom_samples import all_frames, check_syntax, one_frame
from nero_core.data.limits import FORMATS, Limits, refusal
from nero_core.data.samples import Scale, bands
from nero_core.errors import ImageError

Frame = tuple[UInt8[np.ndarray, "height width 3"], list[str]]  # pixels, and what a reader should know

_REMEDY = "Export the picture as PNG, or as an uncompressed DICOM file."


def decode_dicom(data: bytes, name: str, limits: Limits, frame: int | None = None) -> Frame:
    """One frame, counted from 1; the first where None.

    Raises:
        ImageError: the file is beyond the limits, damaged, not an image, or stored in a way that is not read.
    """
    try:
        file, picture = _opened(data, name, limits)
        number = frame or 1
        if not 1 <= number <= picture.frames:
            raise refusal(name, f"a frame from 1 to {picture.frames:,}", f"frame {number:,}", "Name another one.")
        pixels, notes = _shown(one_frame(file, picture, number - 1), file, picture, number - 1)
        return pixels, [f"First of {picture.frames:,} frames."] * (frame is None and picture.frames > 1) + notes
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # a hostile file makes decoders raise nearly anything
        raise _refused(error, name) from error


def decode_dicom_frames(data: bytes, name: str, limits: Limits) -> Iterator[Frame]:
    """All frames in their order; the file is read once.

    Raises:
        ImageError: as ``decode_dicom``; also at a later frame that is damaged.
    """
    try:
        file, picture = _opened(data, name, limits)
        for index, samples in enumerate(all_frames(file, picture)):
            yield _shown(samples, file, picture, index)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # as above
        raise _refused(error, name) from error


def count_frames(data: bytes, limits: Limits = Limits()) -> int:
    """The frames that a DICOM file says to have; 1 for what cannot be read, or has more than the limits allow.

    Args:
        data: the file, or as much of its beginning as lies before the pixels.
        limits: of the file.
    """
    try:
        file = read_dicom(data, limits, (0x00280008,), pixels=False)
        frames = int(file.elements.get("NumberOfFrames") or 1)
    except Exception:  # whoever decodes it says what is wrong
        return 1
    return frames if 1 <= frames <= limits.max_frames else 1


def _opened(data: bytes, name: str, limits: Limits) -> tuple[DicomFile, StoredPicture]:
    file = read_dicom(data, limits)
    picture = stored_picture(file)
    check_syntax(file.syntax)
    check_cost(picture, name, limits)
    return file, picture


def _shown(samples: Shaped[np.ndarray, "..."], file: DicomFile, picture: StoredPicture, index: int) -> Frame:
    expected = (picture.height, picture.width, *((3,) if picture.samples == 3 else ()))
    if samples.shape != expected:
        raise DicomError("whose picture is of another size than it says")
    notes = ["The file says that text is burnt into it."] * (file.elements.get("BurnedInAnnotation") == "YES")
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    if picture.photometric in GREY:
        eight, own = grey(samples, file, picture, index)
        pixels[:] = eight[..., None]
        if "RedPaletteColorLookupTableDescriptor" in file.elements:
            own.append("Colours that the file adds to its grey are not shown.")
    elif picture.photometric == PALETTE:
        own = []
        for channel, table in enumerate(palette_of_eight_bits(file.elements, file.is_little_endian, picture.is_signed)):
            for rows in bands(picture.height, picture.width):
                pixels[rows, :, channel] = table(samples[rows])
    else:
        own = [f"{picture.used} bit colour read as 8 bit."] * (picture.used > 8)
        for rows in bands(picture.height, picture.width):
            pixels[rows] = _eight_bits(samples[rows], picture.used)
    return pixels, notes + own


def _eight_bits(colour: Shaped[np.ndarray, "..."], bits: int) -> UInt8[np.ndarray, "..."]:
    """Colour has the whole range of its bits (PS3.3, C.7.6.3.1.2), of 32 bits too."""
    if bits <= 16:
        return Scale(bits, colour.dtype).eight_bits(colour)
    eight: UInt8[np.ndarray, ...] = np.rint(colour * (255 / (2**bits - 1))).astype(np.uint8)
    return eight


def _refused(error: Exception, name: str) -> ImageError:
    actual = f"a DICOM file {error}" if isinstance(error, DicomError) else "a truncated, damaged or unusual DICOM file"
    return refusal(name, FORMATS, actual, _REMEDY)
