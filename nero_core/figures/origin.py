"""What a figure is made of: the image's digest and the reference set, in a small line at its foot."""

from typing import TYPE_CHECKING

from nero_core.figures.canvas import LINE, wrap
from nero_core.figures.style import SMALL, label, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIGITS = 8  # of the sha256: among ten thousand images the odds that two share them are 1 in 86
LONGEST_TITLE = 90  # characters of a reference set's title
_EDGE = 0.05  # inches


def short_id(image_id: str) -> str:
    """The first digits of an image's sha256, by which a figure can be matched with its image: ``3fa2c81d``."""
    return image_id[:DIGITS]


def origin_line(image_id: str, reference_set: str) -> str:
    """``image 3fa2c81d · reference set Colon phantoms``; never the name of the file, which may name a person."""
    return f"image {short_id(image_id)} · reference set {label(reference_set, LONGEST_TITLE)}"


@styled()
def with_origin(figure: "Figure", image_id: str, reference_set: str) -> "Figure":
    """The same figure, taller by a line that says which image and which reference set it is made of.

    Args:
        figure: made by one of this package's figure functions, which lay out in inches.
        image_id: sha256 of the image's file.
        reference_set: title of the bundle.
    """
    width, height = figure.get_size_inches()
    lines = wrap(origin_line(image_id, reference_set), width - 2 * _EDGE, SMALL, 2)
    foot = _EDGE + len(lines) * SMALL * LINE
    part = height / (height + foot)
    places = [axes.get_position() for axes in figure.axes]
    figure.set_size_inches(width, height + foot)
    for axes, place in zip(figure.axes, places, strict=True):
        axes.set_position((place.x0, 1 - (1 - place.y0) * part, place.width, place.height * part))
    for row, line in enumerate(reversed(lines)):
        at = (_EDGE + (row + 0.15) * SMALL * LINE) / (height + foot)
        figure.text(_EDGE / width, at, line, size=SMALL, ha="left", va="baseline")
    return figure
