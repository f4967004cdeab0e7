"""Plain measures of a picture against the small pictures that a bundle keeps of its reference images."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from jaxtyping import Float, UInt8
from scipy.ndimage import laplace

from nero_core.types import PictureMeasure

Pixels = UInt8[np.ndarray, "height width 3"]
Light = Float[np.ndarray, "height width"]
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in JPEG


def _light(pixels: Pixels) -> Light:
    light: Light = pixels @ _LUMA / 255
    return light


def _sharpness(pixels: Pixels) -> float:
    """Mean square of the Laplacian over the variance: fine detail against coarse, whatever the contrast."""
    light = _light(pixels)
    variance = float(light.var())
    return float(np.square(laplace(light, mode="nearest")).mean()) / variance if variance > 0 else 0.0


def _colourfulness(pixels: Pixels) -> float:
    """Mean of the largest less the smallest of red, green and blue, in [0, 1]; 0 where all is grey."""
    return float(np.ptp(pixels.astype(np.int16), axis=2).mean()) / 255


def _redness(pixels: Pixels) -> float:
    """Red over the sum of the colours, in [0, 1]; 1/3 where all is grey, and where all is black."""
    red, whole = float(pixels[..., 0].sum(dtype=np.int64)), float(pixels.sum(dtype=np.int64))
    return red / whole if whole > 0 else 1 / 3


MEASURES: Mapping[str, Callable[[Pixels], float]] = {
    "light": lambda pixels: float(_light(pixels).mean()),
    "contrast": lambda pixels: float(_light(pixels).std()),
    "sharpness": _sharpness,
    "colourfulness": _colourfulness,
    "redness": _redness,
    "aspect": lambda pixels: pixels.shape[1] / pixels.shape[0],  # width over height
}
_AS_FINE = {"aspect": 0.02}  # values nearer than this, relative, are the same: small pictures round their sides


def measure_pictures(pictures: Iterable[Pixels]) -> dict[str, Float[np.ndarray, " images"]]:
    """Every measure of every picture, by the name of the measure."""
    rows = [[measure(pixels) for measure in MEASURES.values()] for pixels in pictures]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURES))
    return dict(zip(MEASURES, table.T, strict=True))


def check_picture(pixels: Pixels, reference: Mapping[str, Float[np.ndarray, " images"]]) -> tuple[PictureMeasure, ...]:
    """A picture against those of the reference images, which are as small as it.

    Args:
        pixels: of the picture, made small as those of the reference images were.
        reference: of ``measure_pictures``, of one image at least.
    """
    checked = []
    for name, measure in MEASURES.items():
        value, others = measure(pixels), reference[name]
        near = _AS_FINE.get(name, 0.0) * abs(value)
        below = float((others < value - near).mean())
        same = float((np.abs(others - value) <= near).mean())
        lowest, highest = float(others.min()), float(others.max())
        checked.append(PictureMeasure(name, value, lowest, highest, below + same / 2, len(others)))
    return tuple(checked)
