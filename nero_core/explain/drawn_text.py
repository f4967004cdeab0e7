"""Text that is drawn in a picture: rows of small, thin, sharp shapes of one height. No model, and nothing is read."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from scipy import ndimage

from nero_core.types import DrawnText

Plane = Float[np.ndarray, "height width"]
Mask = Bool[np.ndarray, "height width"]
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in JPEG
_TOUCHING = np.ones((3, 3), dtype=int)  # pixels that meet at a corner are of one shape


class _Shape(NamedTuple):
    left: int
    right: int
    top: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top


def find_text(
    pixels: UInt8[np.ndarray, "height width 3"],
    side: int = 480,
    widths: tuple[int, ...] = (5, 9, 15),
    contrasts: tuple[float, ...] = (0.12, 0.2, 0.3, 0.45),
    characters: int = 4,
) -> DrawnText | None:
    """The longest row of shapes that look like characters, or None.

    What is narrower than w pixels stands out in the white top-hat of a plane X, ``X − open(X, w × w)``; of the light,
    brighter and darker than around it, of blue, which tissue has little of, and of red, of which it has much. Its
    connected parts above a contrast are characters where they are 5 to 67 pixels high, at most 1.8 times as wide and
    of strokes at most 0.4 of the height; a row is four of them (five below 7 pixels) of like height on one line, less
    than a height apart.

    It finds most text of 6 pixels and more, and none of single letters, of handwriting, or of letters that touch; see
    docs/method.md for how often. What it finds is no proof of text either.

    Args:
        pixels: of the picture; one with both sides larger than ``side`` is made smaller first.
        side: pixels of the shorter side at most: larger pictures take longer, and their text is larger.
        widths: w, in pixels.
        contrasts: of the stroke against its surroundings, in [0, 1].
        characters: of a row, at least. Chosen with all else on drawn text in phantoms, none without text had a row.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, side / min(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    values = pixels.astype(np.float32) / 255
    light = (values @ _LUMA).astype(np.float32)
    best: list[_Shape] = []
    for plane in (light, values[..., 2], 1 - light, 1 - values[..., 0]):
        for wide in widths:
            hat = plane - ndimage.grey_opening(plane, size=(wide, wide))
            for contrast in contrasts:
                rows = _rows(_characters(hat > contrast), characters)
                best = max([best, *rows], key=len)
        if best:
            break
    if not best:
        return None
    edges = (
        min(s.left for s in best),
        min(s.top for s in best),
        max(s.right for s in best),
        max(s.bottom for s in best),
    )
    left, top, right, bottom = (edge / scale for edge in edges)
    box = (int(left), int(top), min(width, round(right)), min(height, round(bottom)))
    return DrawnText(box, (height, width), len(best))


def _characters(mask: Mask, lowest: int = 5, highest: float = 0.14, stroke: float = 0.4) -> list[_Shape]:
    """Connected parts with the proportions of a character, from left to right."""
    labels, count = ndimage.label(mask, _TOUCHING)
    if not count:
        return []
    inner = ndimage.binary_erosion(mask)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    within = np.bincount(labels[inner], minlength=count + 1)
    tallest, shapes = max(highest * len(mask), 8), []
    for label, place in enumerate(ndimage.find_objects(labels), 1):
        shape = _Shape(place[1].start, place[1].stop, place[0].start, place[0].stop)
        height, width, filled = shape.height, shape.right - shape.left, int(area[label])
        if not lowest <= height <= tallest or width > 1.8 * height:
            continue
        if shape.top == 0 or shape.bottom == len(mask):  # cut by the picture's edge, all at one height
            continue
        thick = (
            2 * filled / (filled - int(within[label])) if within[label] else 1.0
        )  # stroke: all of it is edge, or 2/w is
        share = filled / (height * width)
        if thick <= max(stroke * height, 2.6) and share >= 0.15 and (share <= 0.9 or width <= 0.45 * height):
            shapes.append(shape)
    return sorted(shapes)


def _rows(shapes: list[_Shape], least: int) -> Iterator[list[_Shape]]:
    """Rows of at least so many shapes of like height, on one line, near one another."""
    taken: set[_Shape] = set()
    for place, first in enumerate(shapes):
        if first in taken:
            continue
        row = [first]
        for shape in shapes[place + 1 :]:
            last = row[-1]
            if shape.left - last.right > max(last.height, first.height):
                if shape.left - last.right > 2 * last.height:
                    break
                continue
            if _follows(shape, last):
                row.append(shape)
        if len(row) >= least + (first.height < 7):  # of small shapes one more: there are more of them
            taken.update(row)
            yield row


def _follows(shape: _Shape, last: _Shape) -> bool:
    lower, higher = sorted((shape.height, last.height))
    gap, loose = shape.left - last.right, max(1.0, 0.15 * higher)
    return (
        shape.left > last.left
        and -0.2 * higher <= gap <= 0.9 * higher
        and higher <= 1.35 * lower
        and abs(shape.bottom - last.bottom) <= loose
        and abs(shape.top - last.top) <= 2 * loose
    )
