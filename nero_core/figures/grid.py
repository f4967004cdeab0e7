"""Figures of many pictures: panels of pictures side by side with what is said of them, in groups, on a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from nero_core.figures.canvas import LINE, Canvas, wrap
from nero_core.figures.panels import picture_height
from nero_core.figures.render import Kind
from nero_core.figures.style import DOUBLE, LARGE, PLAIN, SINGLE, SMALL, label, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 2.3  # inches of a picture: more would not tell more
_EDGE, _APART, _BETWEEN = 0.05, 0.12, 0.03  # inches at the edge, between panels, between the pictures of one
_LINES = (2, 6)  # at most, of a panel's title and of what is said below it


@dataclass(frozen=True, slots=True)
class Panel:
    """Pictures side by side that belong together.

    Attributes:
        pictures: what is shown, maps already on it; None is a box that says that there is no picture.
        title: above the pictures.
        text: below them; a line break begins a new line.
    """

    pictures: tuple[UInt8[np.ndarray, "_ _ 3"] | None, ...]
    title: str = ""
    text: str = ""


@styled()
def panels_figure(
    groups: Sequence[tuple[str, Sequence[Panel]]],
    columns: int,
    scale: tuple[Kind, float, str] | None = None,
    note: str = "",
) -> "Figure":
    """Panels in rows, each group below its heading; single column for up to two pictures in a row, else double.

    Args:
        groups: a heading, which may be empty, and its panels.
        columns: panels in a row at most.
        scale: kind, limit and unit of the maps' colours, where one scale serves all.
        note: at the bottom, in a sentence.
    """
    columns = max(1, min(columns, max((len(panels) for _, panels in groups), default=1)))
    pictures = max((len(part.pictures) for _, panels in groups for part in panels), default=1) or 1
    width = SINGLE if columns * pictures <= 2 else DOUBLE
    room = (width - 2 * _EDGE - _APART * (columns - 1)) / columns
    side = min(LARGEST, (room - _BETWEEN * (pictures - 1)) / pictures)
    rows = [
        (label(heading, 240) if first == 0 else "", panels[first : first + columns])
        for heading, panels in groups
        for first in range(0, max(1, len(panels)), columns)
    ]
    heights = [_heights(heading, panels, width, room, side) for heading, panels in rows]
    bar = min(width, SINGLE) - 2 * _EDGE
    unit = 0.3 + len(wrap(scale[2], bar, SMALL, 4)) * LINE * SMALL if scale else 0.0
    below = len(_lines(note, width - 2 * _EDGE, 6)) * LINE * SMALL
    canvas = Canvas(width, _EDGE + sum(sum(part) for part in heights) + unit + below + _EDGE)
    y, letters = _EDGE, iter("abcdefghijklmnopqrstuvwxyz")
    is_lettered = sum(bool(heading) for heading, _ in groups) > 1
    for (heading, panels), (head, title, tall, text_height) in zip(rows, heights, strict=True):
        if heading:
            start = _EDGE
            if is_lettered:
                canvas.words(next(letters, ""), _EDGE, y, 0.2, LARGE, weight="bold")
                start += 0.15
            canvas.words(heading, start, y + 0.02, width - _EDGE - start, PLAIN, lines=3)
        for column, panel in enumerate(panels):
            x = _EDGE + column * (room + _APART)
            canvas.words(label(panel.title, 80), x, y + head, room, PLAIN, lines=_LINES[0], weight="bold")
            _pictures(canvas, panel, x, y + head + title, side, tall)
            _draw_text(canvas, panel.text, x, y + head + title + tall + 0.03, room)
        y += head + title + tall + text_height
    if scale:
        canvas.scale(*scale, _EDGE, y + 0.02, bar)
    _draw_text(canvas, note, _EDGE, y + unit, width - 2 * _EDGE)
    return canvas.figure


def _heights(
    heading: str, panels: Sequence[Panel], width: float, room: float, side: float
) -> tuple[float, float, float, float]:
    """Inches of a row's heading, titles, pictures and sentences."""
    titles = max(
        (len(wrap(label(item.title, 80), room, PLAIN, _LINES[0], bold=True)) for item in panels if item.title),
        default=0,
    )
    text_lines = max((len(_lines(item.text, room, _LINES[1])) for item in panels), default=0)
    shapes = [picture_height(item) for panel in panels for item in panel.pictures if item is not None]
    empty = any(item is None for panel in panels for item in panel.pictures)
    tall = side * max([*shapes, 1.0 if empty or not shapes else 0.0]) if any(item.pictures for item in panels) else 0.0
    head = len(wrap(heading, width - 2 * _EDGE - 0.15, PLAIN, 3)) * LINE * PLAIN + 0.07 if heading else 0.0
    return head, titles * LINE * PLAIN + (0.03 if titles else 0.0), tall, text_lines * LINE * SMALL + 0.14


def _pictures(canvas: Canvas, panel: Panel, x: float, y: float, side: float, tall: float) -> None:
    for place, pixels in enumerate(panel.pictures):
        left = x + place * (side + _BETWEEN)
        if pixels is None:
            canvas.frame(left, y, side, tall)
            canvas.words("no picture", left, y + tall / 2 - 0.05, side, SMALL, align="center")
        else:
            canvas.picture(pixels, left, y - (side - tall) / 2, side)


def _draw_text(canvas: Canvas, text: str, x: float, y: float, width: float) -> None:
    for row, line in enumerate(_lines(text, width, _LINES[1])):
        canvas.words(line, x, y + row * LINE * SMALL, width, SMALL)


def _lines(text: str, width: float, most: int) -> list[str]:
    """The text's own lines, each wrapped; nothing where there is no text."""
    rows = [row for line in text.split("\n") if line for row in wrap(label(line, 600), width, SMALL, most)]
    return rows[:most]
