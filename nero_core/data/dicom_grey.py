"""Grey samples of a DICOM file → 8 bit, as the file asks for them to be shown (PS3.3, C.11.1 and C.11.2).

First what the numbers mean: a modality LUT, or a slope and an intercept. Then which of them are of interest: the first
VOI LUT, or the first window. Where a file asks for nothing, 8 bit or less are shown as they are, and more is spread
from the lowest to the highest value of the frame, without the padding. MONOCHROME1 is white at its lowest value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from nero_core.data.dicom_file import DicomFile
from nero_core.data.dicom_lookup import Lookup, grey_table
from nero_core.data.dicom_picture import StoredPicture
from nero_core.data.samples import Scale, bands

_TRANSFORM = "ModalityLUTSequence RescaleSlope RescaleIntercept".split()
_INTEREST = "VOILUTSequence WindowCenter WindowWidth VOILUTFunction".split()
_GROUPS = {"PixelValueTransformationSequence": _TRANSFORM, "FrameVOILUTSequence": _INTEREST}  # of enhanced files

Samples = Shaped[np.ndarray, "..."]


def grey(
    samples: Shaped[np.ndarray, "height width"], file: DicomFile, picture: StoredPicture, index: int
) -> tuple[UInt8[np.ndarray, "height width"], list[str]]:
    """A frame in 8 bit, and what a reader should know; ``index`` from 0.

    Raises:
        DicomError: a table is shorter than it says.
    """
    asked = _asked(file.elements, index)
    meaning = _meaning(asked, file, picture)
    interest = _interest(asked, file, picture)
    stored_plainly = meaning is None and picture.used <= 8 and not picture.is_signed and samples.dtype.kind in "ub"
    notes = []
    if interest is not None:
        notes.append(f"{picture.used} bit grey: {interest.words}.")
        to_eight = interest.eight_bits
    elif stored_plainly:
        to_eight = Scale(picture.used, samples.dtype).eight_bits
    else:
        scale = _spread(samples, file.elements, meaning, picture.used)
        notes, to_eight = scale.notes("grey"), scale.eight_bits
    pixels = np.empty(samples.shape, np.uint8)
    for rows in bands(*samples.shape):
        pixels[rows] = to_eight(samples[rows] if meaning is None else meaning(samples[rows]))
    return (255 - pixels if picture.photometric == "MONOCHROME1" else pixels), notes


@dataclass(frozen=True, slots=True)
class _Interest:
    eight_bits: Callable[[Samples], UInt8[np.ndarray, "..."]]
    words: str


def _asked(elements: Dataset, index: int) -> dict[str, Any]:
    """What the file asks for, of all frames or of this one; elements without a value do not count."""
    asked = {name: elements.get(name) for name in (*_TRANSFORM, *_INTEREST)}
    shared, each = (elements.get(f"{part}FunctionalGroupsSequence") for part in ("Shared", "PerFrame"))
    for groups in (shared[0] if shared else None, each[index] if each and index < len(each) else None):
        for sequence, names in _GROUPS.items():
            items = groups.get(sequence) if groups is not None else None
            if items:
                asked |= {name: items[0].get(name) for name in names if items[0].get(name) is not None}
    return {name: value for name, value in asked.items() if value not in (None, "") and value != []}


def _meaning(asked: dict[str, Any], file: DicomFile, picture: StoredPicture) -> Callable[[Samples], Samples] | None:
    if asked.get("ModalityLUTSequence"):
        return grey_table(asked["ModalityLUTSequence"][0], file.is_little_endian, picture.is_signed)
    slope, intercept = float(asked.get("RescaleSlope", 1)), float(asked.get("RescaleIntercept", 0))
    if not np.isfinite([slope, intercept]).all() or (slope, intercept) == (1, 0):
        return None
    return lambda samples: samples * np.float64(slope) + intercept


def _interest(asked: dict[str, Any], file: DicomFile, picture: StoredPicture) -> _Interest | None:
    if asked.get("VOILUTSequence"):
        is_signed = picture.is_signed or "RescaleIntercept" in asked
        table: Lookup = grey_table(asked["VOILUTSequence"][0], file.is_little_endian, is_signed)
        top = 2**table.bits - 1
        return _Interest(lambda values: np.rint(table(values) * (255 / top)).astype(np.uint8), "shown by its own table")
    if "WindowCenter" not in asked or "WindowWidth" not in asked:
        return None
    centre, width = _first(asked["WindowCenter"]), _first(asked["WindowWidth"])
    function = str(asked.get("VOILUTFunction", "LINEAR")).upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID") or not np.isfinite([centre, width]).all():
        return None
    if width < 1 if function == "LINEAR" else width <= 0:
        return None
    return _Interest(
        lambda values: np.rint(_window(values, centre, width, function)).astype(np.uint8),
        f"{centre - width / 2:g} … {centre + width / 2:g} of its values shown, as it asks for",
    )


def _window(values: Samples, centre: float, width: float, function: str) -> Float[np.ndarray, "..."]:
    """Values in [0, 255]; pydicom takes the range of its result from what it believes the samples to be."""
    eight_bits = Dataset()
    eight_bits.PhotometricInterpretation = "MONOCHROME2"
    eight_bits.BitsStored, eight_bits.PixelRepresentation = 8, 0
    eight_bits.WindowCenter, eight_bits.WindowWidth, eight_bits.VOILUTFunction = centre, width, function
    with np.errstate(over="ignore"):  # far below a window, e to the distance
        return np.asarray(apply_windowing(np.nan_to_num(values), eight_bits), np.float64)


def _first(value: Any) -> float:  # noqa: ANN401  one number or several
    return float(value if np.isscalar(value) or not hasattr(value, "__len__") else value[0])


def _spread(samples: Samples, elements: Dataset, meaning: Callable[[Samples], Samples] | None, bits: int) -> Scale:
    """From the lowest to the highest value of the frame; padding is what surrounds a picture, and does not count."""
    scale = Scale(bits, samples.dtype, is_agreed=False)
    padding, limit = elements.get("PixelPaddingValue"), elements.get("PixelPaddingRangeLimit")
    ends = None if padding is None else sorted((int(padding), int(padding if limit is None else limit)))
    for rows in bands(*samples.shape):
        band = samples[rows]
        counted = band if ends is None else band[(band < ends[0]) | (band > ends[1])]
        scale.see(counted if meaning is None else meaning(counted))
    if ends is not None and scale.low > scale.high:  # nothing but padding
        scale.see(samples if meaning is None else meaning(samples))
    return scale
