"""Panels of pictures keep their pictures, their order and their words, whatever their shapes and their number."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from nero_core.figures import Panel, panels_figure
from tests.nero_core.figures.figure_text import overlaps, text_of

SQUARE, WIDE, TALL = (np.full((*shape, 3), 90, np.uint8) for shape in ((64, 64), (48, 96), (96, 48)))


def boxes(figure: Figure) -> list[tuple[float, float, float, float]]:
    """Left, right, lower and upper end of each picture, in inches from the upper left."""
    return [tuple(image.get_extent()) for image in figure.axes[0].images]


def test_each_panel_has_its_pictures_and_its_words_below_its_heading():
    figure = panels_figure(
        [("By relevance", [Panel((SQUARE, WIDE), "5", "normal-cecum\nkeeps 0.97"), Panel((TALL, None), "6", "none")]),
         ("By activation", [Panel((SQUARE,), "7", "last")])],
        2, ("signed", 0.5, "relevance per pixel"), "One scale for all.",
    )  # fmt: skip
    text = text_of(figure)
    for words in ("a By relevance", "b By activation", "keeps 0.97", "relevance per pixel", "−0.500", "One scale"):
        assert words in text
    assert text.count("no picture") == 1
    assert len(boxes(figure)) == 5  # four pictures and the scale
    assert overlaps(figure) == []


def test_no_picture_is_stretched_and_none_leaves_the_figure_or_lies_on_another():
    figure = panels_figure([("", [Panel((SQUARE, WIDE, TALL), str(place)) for place in range(7)])], 3)
    width, height = figure.get_size_inches()
    extents = boxes(figure)
    assert len(extents) == 21
    for (left, right, low, high), shown in zip(extents, [SQUARE, WIDE, TALL] * 7, strict=True):
        assert (right - left) / (low - high) == pytest.approx(shown.shape[1] / shown.shape[0], rel=1e-6)
        assert 0 <= left < right <= width and 0 <= high < low <= height
    for place, box in enumerate(extents):
        for other in extents[place + 1 :]:
            assert min(box[1], other[1]) <= max(box[0], other[0]) or min(box[2], other[2]) <= max(box[3], other[3])


@pytest.mark.parametrize(("panels", "columns", "width"), [(1, 2, 3.5), (2, 2, 3.5), (3, 3, 7.2), (48, 6, 7.2)])
def test_up_to_two_pictures_in_a_row_take_one_column(panels: int, columns: int, width: float):
    figure = panels_figure([("", [Panel((SQUARE,), str(place), "said") for place in range(panels)])], columns)
    assert figure.get_size_inches()[0] == pytest.approx(width)
    assert overlaps(figure) == []


def test_long_words_end_in_their_panel_and_a_panel_may_have_no_picture():
    long = "sentence " * 80
    figure = panels_figure(
        [(long, [Panel((SQUARE,), long, long), Panel((), "nothing", "no image uses it")])], 2, None, long
    )
    assert overlaps(figure) == []
    assert "no image uses it" in text_of(figure)
