"""Samples of any depth → 8 bit, a band of rows at a time, so that what lies between needs little memory."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped, UInt8

BAND = 2**20  # pixels that are converted at a time
WELL_KNOWN = 16  # bits up to which unsigned samples have an agreed range: 0 … 2ⁿ − 1


def bands(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture, some at a time."""
    rows = max(1, BAND // max(1, width))
    return (slice(start, min(start + rows, height)) for start in range(0, height, rows))


class Scale:
    """How samples of one picture become 8 bit: from their agreed range, or spread from their own extremes.

    Unsigned samples of n ≤ 16 bits are rounded from 0 … 2ⁿ − 1. Floats within [0, 1] count as such. All else, signed or
    deeper, has no agreed range and is spread from the lowest to the highest value of the picture. Undefined floats are
    shown as the lowest.

    Args:
        colour: all samples that are colour; several calls of ``add`` for several arrays.
        bits: of a sample as it is stored.
        is_agreed: unsigned samples have the agreed range; otherwise they are spread too.
    """

    def __init__(self, bits: int, dtype: np.dtype, is_agreed: bool = True) -> None:
        self.bits, self.dtype = bits, dtype
        self.is_known = is_agreed and dtype.kind in "ub" and bits <= WELL_KNOWN
        self.low, self.high, self.all_defined = np.inf, -np.inf, True

    def see(self, colour: Shaped[np.ndarray, "..."]) -> None:
        """Take the extremes of these samples into account; needed where the range is not agreed."""
        if self.is_known or not colour.size:
            return
        if self.dtype.kind == "f":
            defined = np.isfinite(colour)
            self.all_defined = self.all_defined and bool(defined.all())
            colour = colour[defined]
            if not colour.size:
                return
        self.low, self.high = min(self.low, float(colour.min())), max(self.high, float(colour.max()))

    @property
    def ends(self) -> tuple[float, float]:
        """The values that become 0 and 255."""
        if self.is_known:
            return 0.0, float(2**self.bits - 1)
        if self.low > self.high:  # nothing defined
            return 0.0, 0.0
        is_share = self.dtype.kind == "f" and self.low >= 0 and self.high <= 1
        return (0.0, 1.0) if is_share else (self.low, self.high)

    def eight_bits(self, values: Shaped[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
        """The samples in 8 bit, rounded."""
        if self.is_known:
            top = 2**self.bits - 1
            if self.bits == 8:
                return values.astype(np.uint8, copy=False)
            rounded: UInt8[np.ndarray, ...] = ((values.astype(np.uint32) * 255 + top // 2) // top).astype(np.uint8)
            return rounded
        low, high = self.ends
        exact = values.astype(np.float64)
        if self.dtype.kind == "f":
            exact[~np.isfinite(exact)] = low
        scaled = (exact - low) * (255 / (high - low) if high > low else 0.0)
        eight: UInt8[np.ndarray, ...] = np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
        return eight

    def notes(self, kind: str) -> list[str]:
        """What a reader should know of it; ``kind`` is "grey" or "colour"."""
        if self.is_known:
            return [f"{self.bits} bit {kind} read as 8 bit."] if self.bits > 8 else []
        low, high = self.ends
        spread = [f"{self.bits} bit {kind}: {low:.6g} … {high:.6g} spread over 0 … 255."]
        return spread if self.all_defined else [*spread, "Undefined pixels are shown as the lowest value."]


def on_black(
    colour: UInt8[np.ndarray, "height width channels"], alpha: UInt8[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width channels"]:
    """Colour that is not multiplied with alpha yet, composited on black."""
    return ((colour * alpha[..., None].astype(np.uint16) + 127) // 255).astype(np.uint8)
