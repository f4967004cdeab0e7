"""What a figure says and draws, for tests."""

import xml.etree.ElementTree as ElementTree

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from nero_core.figures.style import figure_bytes, styled

SLACK = 3  # pixels of 300 to an inch


def text_of(figure: Figure) -> str:
    """All text of the figure as it stands in its SVG, in one line."""
    root = ElementTree.fromstring(figure_bytes(figure, "svg"))
    pieces = root.iter("{http://www.w3.org/2000/svg}text")
    return " ".join(" ".join("".join(piece.itertext()) for piece in pieces).split())


def plot(figure: Figure) -> Axes:
    """The axes of the figure that hold a plot; the first ones are its ground."""
    return figure.axes[-1]


def colour(patch: Patch) -> str:
    """What the bar is filled with, as ``#RRGGBB``."""
    return str(to_hex(patch.get_facecolor())).upper()


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """Texts that stand on one another, and texts that leave the figure."""
    figure.set_dpi(300)
    canvas = FigureCanvasAgg(figure)
    with styled():
        canvas.draw()
    renderer = canvas.get_renderer()
    whole = figure.bbox
    boxes = []
    for axes in figure.axes:
        ticks = [*_shown(axes.xaxis), *_shown(axes.yaxis)] if axes.axison else []
        labels = [axes.xaxis.label, axes.yaxis.label] if axes.axison else []
        legend = axes.get_legend()
        keys = legend.get_texts() if legend is not None else []
        for text in [*axes.texts, *ticks, *labels, *keys]:
            if text.get_visible() and text.get_text().strip():
                boxes.append((text.get_text(), text.get_window_extent(renderer)))
    collisions = [
        (name, "the edge")
        for name, box in boxes
        if min(box.x0 - whole.x0, whole.x1 - box.x1, box.y0 - whole.y0, whole.y1 - box.y1) < -SLACK
    ]
    for place, (name, box) in enumerate(boxes):
        for other, beside in boxes[place + 1 :]:
            width = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            height = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            if width > SLACK and height > SLACK:
                collisions.append((name, other))
    return collisions


def _shown(axis: Axis) -> list[Text]:
    """The numbers of the ticks that lie within the axis; matplotlib keeps others, which it does not draw."""
    low, high = sorted(axis.get_view_interval())
    return [
        tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_visible()
    ]
