"""Text that is drawn in a picture: found where it is, and not where there is none."""

import io

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from nero_core.explain.drawn_text import find_text
from nero_core.phantom import ID_CLASSES, chain, draw_phantom

SIZE = 224
Pixels = UInt8[np.ndarray, "height width 3"]


@pytest.fixture(scope="module")
def plain() -> list[Pixels]:
    """Phantoms without the marks that most of them have at the left, as JPEG."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "_print_marks", lambda rng, pixels: pixels)
        drawn = [draw_phantom(ID_CLASSES[seed % 3], 700 + seed, SIZE).pixels for seed in range(12)]
    return [as_jpeg(Image.fromarray(pixels)) for pixels in drawn]


def as_jpeg(image: Image.Image, quality: int = 75) -> Pixels:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def write(pixels: Pixels, text: str, place: tuple[int, int], size: int, ink: tuple[int, int, int]) -> Pixels:
    image = Image.fromarray(pixels)
    ImageDraw.Draw(image).text(place, text, fill=ink, font=ImageFont.load_default(size=size))
    return as_jpeg(image)


def test_phantoms_without_marks_are_silent(plain: list[Pixels]):
    assert [find_text(pixels) for pixels in plain] == [None] * len(plain)


@pytest.mark.parametrize("ink", [(255, 255, 255), (255, 255, 0), (0, 0, 0)], ids=["white", "yellow", "black"])
@pytest.mark.parametrize("size", [14, 24])
def test_most_drawn_text_is_found_where_it_is(plain: list[Pixels], ink: tuple[int, int, int], size: int):
    left, top, text = 30, 120, "17/04/2012"
    width = ImageFont.load_default(size=size).getlength(text)
    hits = 0
    for pixels in plain:
        if found := find_text(write(pixels, text, (left, top), size, ink)):
            x0, y0, x1, y1 = found.box
            is_there = left - 3 <= x0 < x1 <= left + width + 3 and top - 3 <= y0 < y1 <= top + 1.4 * size
            hits += is_there and found.characters >= 4 and found.sides == (SIZE, SIZE)
    assert hits >= 0.8 * len(plain)


def test_a_large_picture_has_its_text_at_its_own_pixels():
    rng = np.random.default_rng(0)
    field = rng.normal(120, 3, (1080, 1400, 3)).clip(0, 255).astype(np.uint8)
    found = find_text(write(field, "NAME: DOE 1970", (900, 60), 40, (255, 255, 255)))
    assert found is not None and found.sides == (1080, 1400) and found.place == "at the upper right"
    assert find_text(field) is None


def test_neither_a_flat_picture_nor_one_of_a_pixel_has_text():
    for sides in ((1, 1), (3, 400), (64, 64)):
        assert find_text(np.zeros((*sides, 3), dtype=np.uint8)) is None


def test_equal_bars_that_are_no_row_are_not_text():
    """Specular highlights: many, bright, small, and on no line."""
    rng, pixels = np.random.default_rng(1), np.full((SIZE, SIZE, 3), (180, 90, 70), dtype=np.uint8)
    for _ in range(25):
        y, x = rng.integers(0, SIZE - 12, 2)
        pixels[y : y + rng.integers(4, 11), x : x + rng.integers(3, 9)] = 250
    assert find_text(as_jpeg(Image.fromarray(pixels))) is None
