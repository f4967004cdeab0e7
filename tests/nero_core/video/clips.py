"""Small videos of drawn frames, made here."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from nero_core.phantom.drawing import draw_phantom

SIDE = 96  # pixels
RATE = 10  # frames a second
CODECS = {".mp4": "mpeg4", ".mov": "mpeg4", ".avi": "mjpeg", ".mkv": "ffv1", ".webm": "libvpx-vp9"}
Pixels = NDArray[np.uint8]


def drawn(label: str = "normal-cecum", seed: int = 3, side: int = SIDE) -> Pixels:
    return draw_phantom(label, seed, side).pixels.copy()  # to be drawn on


def black(side: int = SIDE) -> Pixels:
    return np.zeros((side, side, 3), np.uint8)


def blurred(pixels: Pixels, radius: float = 5.0) -> Pixels:
    return np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def write_clip(
    path: Path,
    pictures: Sequence[Pixels],
    rate: int = RATE,
    times: Sequence[float] | None = None,
    matrix: Sequence[int] | None = None,
    sound: bool = False,
) -> Path:
    """A video by the suffix of ``path``, its index in front where the container has one; ``times`` in seconds."""
    codec = CODECS[path.suffix]
    options = {"movflags": "faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 4_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        if sound:
            add_sound(container, len(pictures) / rate)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[number]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    with av.open(str(path), "w") as container:
        add_sound(container, seconds)
    return path


def add_sound(container: av.container.OutputContainer, seconds: float) -> None:
    stream = container.add_stream("aac", rate=8000)
    stream.layout = "mono"
    frame = av.AudioFrame.from_ndarray(np.zeros((1, int(8000 * seconds)), np.float32), format="fltp", layout="mono")
    frame.rate = 8000
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
