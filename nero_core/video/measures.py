"""Plain measures of a frame, on a small grey picture of it: mean light, sharpness, and change between two."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from av import VideoFrame

GREY_SIDE = 256  # pixels of the longer side: about what a classifier looks at
CHANGE_SIDE = 32  # pixels: motion of a few pixels is no change

Grey = UInt8[np.ndarray, "height width"]


def grey(frame: "VideoFrame", side: int = GREY_SIDE) -> Grey:
    """The frame in grey, its longer side ``side`` pixels; a smaller frame is not enlarged."""
    scale = min(1.0, side / max(frame.width, frame.height))
    width, height = (max(1, round(scale * length)) for length in (frame.width, frame.height))
    # full range, since MJPEG has it and the others have not: 0 is black, 255 is white
    shrunk = frame.reformat(width=width, height=height, format="gray", interpolation="AREA", dst_color_range="JPEG")
    return np.array(shrunk.to_ndarray(), dtype=np.uint8).reshape(height, width)


def light(picture: Grey) -> float:
    """Mean light, in [0, 1]; 0 is black."""
    return float(picture.mean()) / 255


def sharpness(picture: Grey) -> float:
    """Variance of the Laplacian, in squared steps of 8 bit; 0 for a plain picture.

    Reference:
        Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    from scipy.ndimage import laplace

    return float(laplace(picture.astype(np.float32)).var())


def change(picture: Grey, other: Grey) -> float:
    """Mean absolute difference, in [0, 1]; 1 between black and white, and between pictures of two sizes."""
    if picture.shape != other.shape:
        return 1.0
    return float(np.abs(picture.astype(np.float32) - other.astype(np.float32)).mean()) / 255
