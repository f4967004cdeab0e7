"""Decoded pictures at their own size, while there is room: screen, verdict and heatmap share one decoding."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from nero_core.data import Picture


class Rasters:
    """The pictures that were used last. Safe to share between threads.

    The bound is one of pixels, not of files, since a file may hold a thousand pixels or sixty million. The picture that
    was used last is kept even where it is larger than the bound.

    Args:
        max_pixels: the most pixels that all pictures may have together.
        seconds: how long a picture is kept after its last use, where others come.
    """

    def __init__(self, max_pixels: int, seconds: float) -> None:
        self.max_pixels = max_pixels
        self.seconds = seconds
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, tuple[Picture, float]] = OrderedDict()  # with the time of the last use

    def get(self, image_id: str, decode: Callable[[], Picture]) -> Picture:
        """The picture of a file, decoded where it is not kept; two threads that ask at once may both decode it."""
        with self._lock:
            picture = self._pictures[image_id][0] if image_id in self._pictures else None
        if picture is None:
            picture = decode()
        with self._lock:
            self._pictures[image_id] = picture, time.monotonic()
            self._pictures.move_to_end(image_id)
            self._shrink()
        return picture

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._pictures.clear()

    def _shrink(self) -> None:
        oldest_use = time.monotonic() - self.seconds
        pixels = sum(_pixels(picture) for picture, _ in self._pictures.values())
        for image_id, (picture, used) in list(self._pictures.items())[:-1]:
            if pixels <= self.max_pixels and used >= oldest_use:
                break
            del self._pictures[image_id]
            pixels -= _pixels(picture)


def _pixels(picture: Picture) -> int:
    return picture.pixels.size // 3
