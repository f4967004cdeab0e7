"""Frames that are nearly the same, such as those of a camera that stands still, by a perceptual hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from nero_core.store import Store, perceptual_hashes

BITS = 64
MOST_BITS = (
    8  # of 64 that may differ. Of 7,140 pairs of polyps (Kvasir-SEG) one had so few; JPEG and light change 0 to 4
)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The near-duplicates of a worklist.

    Attributes:
        first_of: by number of an item that is nearly the same as an earlier one, the number of that one.
        size_of: by number of a first item, how many there are with it; those that stand alone are left out.
    """

    first_of: Mapping[int, int]
    size_of: Mapping[int, int]

    def first(self, item: int) -> int:
        """The first of the items that this one is nearly the same as: itself where it stands alone."""
        return self.first_of.get(item, item)

    def size(self, item: int) -> int:
        """How many are nearly the same, this one among them."""
        return self.size_of.get(self.first(item), 1)


def perceptual_hash(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """64 bits in hexadecimal: which of the 8 × 8 lowest frequencies (DCT) of the grey image lie above their median.

    Reference: Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2; computed
        by ``imagehash.phash``.
    """
    import imagehash
    from PIL import Image

    return str(imagehash.phash(Image.fromarray(pixels)))


def near_duplicates(store: Store, worklist: int, most_bits: int = MOST_BITS) -> Duplicates:
    """The items of a worklist that are nearly the same as an earlier one.

    In the order of the worklist, each item joins the first item before it that itself joined none, and from whose hash
    its own differs in at most ``most_bits`` bits; so all members are like the first, and a slow pan is no one group.
    """
    return group_alike(perceptual_hashes(store, worklist), most_bits)


def later_ones(images: Sequence[tuple[int, str, str | None]]) -> set[int]:
    """The numbers of those that are nearly the same as one before them, or the same file.

    Args:
        images: number, digest and perceptual hash of each, in their order; without a hash the file alone counts.
    """
    later = set(group_alike([(number, text) for number, _, text in images if text]).first_of)
    seen: set[str] = set()
    for number, digest, _ in images:
        if digest in seen:
            later.add(number)
        seen.add(digest)
    return later


def group_alike(hashes: Sequence[tuple[int, str]], most_bits: int = MOST_BITS) -> Duplicates:
    """The same of numbers and hashes from anywhere, in their order."""
    found = [(item, int(text, 16)) for item, text in hashes]
    firsts, numbers = np.empty(len(found), np.uint64), list[int]()
    first_of: dict[int, int] = {}
    size_of: dict[int, int] = {}
    for number, bits in found:
        distance = np.bitwise_count(firsts[: len(numbers)] ^ np.uint64(bits))
        near = np.flatnonzero(distance <= most_bits)
        if len(near):
            first = numbers[int(near[0])]
            first_of[number] = first
            size_of[first] = size_of.get(first, 1) + 1
        else:
            firsts[len(numbers)] = bits
            numbers.append(number)
    return Duplicates(first_of, size_of)
