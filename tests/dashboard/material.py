"""What several tests of the dashboard are made of."""

import io

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

CLASSES = ("normal-cecum", "normal-pylorus", "normal-z-line")


def png(side: int = 64, seed: int = 0, width: int | None = None) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, width or side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def html(running: AppTest) -> str:
    """All HTML on the page."""
    return "\n".join(str(element.proto.body) for element in running.get("html"))
