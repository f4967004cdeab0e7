"""Which frames of a video are looked at, and which of these are left out."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nero_core.errors import NeroError
from nero_core.video.measures import CHANGE_SIDE, Grey, change, grey, light, sharpness

if TYPE_CHECKING:
    from av import VideoFrame

Fault = Literal["dark", "blurred", ""]

SLACK = 1e-6  # seconds: a time of 0.3 may come out a little below


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a video is sampled.

    A frame is looked at when the next multiple of ``every`` has come, or when the picture has changed by ``change``
    since the last frame that was looked at: a cut, or something that comes into sight and goes again in between.

    Attributes:
        every: seconds between two frames.
        change: mean absolute difference of small grey pictures, in [0, 1], from which a frame is looked at out of its
            turn; 1 for never. 0.15 is a cut or a whole new view, and not the motion between two frames.
        dark: mean light in [0, 1] below which a frame is left out. Drawn and real endoscopy frames with their black
            surround have at least 0.25.
        blurred: variance of the Laplacian below which a frame is left out, at 256 pixels of the longer side. Of 36
            drawn and real frames the least sharp had 139, and blurred by a Gaussian with a standard deviation of 1/75
            of the width 2 to 3, or 4 to 8 in a compressed video.
    """

    every: float = 0.5
    change: float = 0.15
    dark: float = 0.04
    blurred: float = 10.0

    def check(self) -> None:
        """See that the numbers make sense.

        Raises:
            NeroError: they do not.
        """
        for name, value, low, high in (
            ("seconds between two frames", self.every, 0.01, 3600.0),
            ("change from which a frame is taken", self.change, 0.0, 1.0),
            ("mean light below which a frame is dark", self.dark, 0.0, 1.0),
            ("sharpness below which a frame is blurred", self.blurred, 0.0, math.inf),
        ):
            if not low <= value <= high:
                raise NeroError(f"Expected {name} from {low:g} to {high:g}. Found {value:g}. Choose another number.")


class Sampler:
    """Chooses frames as they come, in the order of their times; holds one small picture."""

    def __init__(self, sampling: Sampling) -> None:
        sampling.check()
        self._sampling = sampling
        self._due = 0.0
        self._last: Grey | None = None

    def takes(self, frame: "VideoFrame", time: float) -> bool:
        """Whether to look at this frame; ``time`` in seconds."""
        is_due = time >= self._due - SLACK
        by_change = self._sampling.change < 1
        if not is_due and not by_change:
            return False
        small = grey(frame, CHANGE_SIDE) if by_change else None
        if not is_due and self._last is not None and small is not None:
            if change(small, self._last) < self._sampling.change:
                return False
        if is_due:
            every = self._sampling.every
            self._due = (math.floor((time + SLACK) / every) + 1) * every
        self._last = small
        return True

    def fault(self, frame: "VideoFrame") -> Fault:
        """Why a frame is left out; "" where it is not."""
        picture = grey(frame)
        if light(picture) < self._sampling.dark:
            return "dark"
        return "blurred" if sharpness(picture) < self._sampling.blurred else ""
