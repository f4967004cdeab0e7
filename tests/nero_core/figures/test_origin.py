"""What a figure is made of: a line at its foot that leaves everything above where it was."""

import numpy as np
import pytest

from nero_core.figures import bar_figure, image_figure, short_id, with_origin
from tests.nero_core.figures.figure_text import overlaps, text_of

IMAGE = "3fa2c81d" + 56 * "0"
LONG = "a reference set of many words " * 9


def test_the_line_names_image_and_reference_set():
    figure = with_origin(bar_figure(["a", "b"], [1.0, 2.0], "logit"), IMAGE, "Colon phantoms")
    assert "image 3fa2c81d · reference set Colon phantoms" in text_of(figure)
    assert short_id(IMAGE) == "3fa2c81d"


@pytest.mark.parametrize("title", ["Tiny", LONG, "<b>$x$</b> & more\n\x00"])
def test_nothing_above_it_moves_or_is_covered(title: str):
    plain = bar_figure(["a", "b"], [1.0, 2.0], "logit", note="A sentence below the axis.")
    width, height = plain.get_size_inches()
    before = [axes.get_position() for axes in plain.axes]
    figure = with_origin(plain, IMAGE, title)
    wide, tall = figure.get_size_inches()
    assert wide == width and tall > height
    for axes, place in zip(figure.axes, before, strict=True):
        now = axes.get_position()
        assert (now.x0, now.width) == pytest.approx((place.x0, place.width))
        assert now.height * tall == pytest.approx(place.height * height)
        assert (1 - now.y1) * tall == pytest.approx((1 - place.y1) * height)
    assert overlaps(figure) == []
    lowest = min(axes.get_position().y0 for axes in figure.axes) * tall
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    for text in figure.texts:
        box = text.get_window_extent(renderer)
        assert 0 <= box.y0 and box.y1 / figure.dpi <= lowest + 1e-6
        assert 0 <= box.x0 and box.x1 / figure.dpi <= wide


def test_a_picture_keeps_its_size():
    figure = image_figure(np.zeros((40, 60, 3), np.uint8))
    extents = [image.get_extent() for image in figure.axes[0].images]
    assert [image.get_extent() for image in with_origin(figure, IMAGE, "Tiny").axes[0].images] == extents
