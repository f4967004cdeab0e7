"""A figure laid out in inches from its upper left corner: pictures, words and plots at places of their own.

Places are computed and not searched for, so that a sheet of a hundred pictures is drawn at once and looks the same in
every format.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8

from nero_core.figures.numbers import number
from nero_core.figures.render import Kind, colour_bar, fit_within
from nero_core.figures.style import PLAIN, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Align = Literal["left", "center", "right"]

PIXELS = 400  # an inch that a picture keeps at most, in every format
LINE = 1.3 / 72  # inches between two lines, for each point of the type's size
_SLACK = 0.96  # where SVG is shown without DejaVu Sans, another font may be a little wider


class Canvas:
    """An empty figure.

    Args:
        width: inches.
        height: inches.
    """

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))
        self._ground = self.figure.add_axes((0, 0, 1, 1))
        self._ground.set_axis_off()
        self._ground.set_xlim(0, width)
        self._ground.set_ylim(height, 0)
        self._ground.set_autoscale_on(False)

    def picture(self, pixels: UInt8[np.ndarray, "tall wide 3"], x: float, y: float, side: float) -> None:
        """The picture in its own aspect, in the middle of a square."""
        shown = fit_within(pixels, round(PIXELS * side))
        scale = side / max(shown.shape[:2])
        height, width = shown.shape[0] * scale, shown.shape[1] * scale
        left, top = x + (side - width) / 2, y + (side - height) / 2
        self._ground.imshow(shown, extent=(left, left + width, top + height, top), aspect="auto")

    def words(
        self, text: str, x: float, y: float, width: float, size: float = PLAIN, lines: int = 1, align: Align = "left",
        **style: Any,  # noqa: ANN401
    ) -> float:  # fmt: skip
        """Text no wider than ``width``, its upper edge at ``y``; what does not fit on the lines is left out (``…``).

        Returns:
            Height in inches of what was written.
        """
        written = wrap(text, width, size, lines, bold=style.get("weight") == "bold")
        place = {"left": x, "center": x + width / 2, "right": x + width}[align]
        for row, line in enumerate(written):
            self._ground.text(
                place, y + (row + 0.85) * size * LINE, line, size=size, ha=align, va="baseline", **style
            )  # fmt: skip
        return len(written) * size * LINE

    def frame(self, x: float, y: float, width: float, height: float) -> None:
        """A thin box, where there is no picture."""
        xs, ys = [x, x + width, x + width, x, x], [y, y, y + height, y + height, y]
        self._ground.plot(xs, ys, color="#9AA0A8", linewidth=0.5)

    def bar(self, x: float, y: float, width: float, height: float, colour: str, hatch: str = "") -> None:
        """A filled box."""
        self._ground.bar(
            x, height, width, bottom=y, align="edge", color=colour, hatch=hatch, linewidth=0, edgecolor="white"
        )

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle about (x, y)."""
        from matplotlib.patches import Circle

        self._ground.add_patch(Circle((x, y), radius, color=colour, linewidth=0, zorder=4))

    def scale(self, kind: Kind, limit: float, unit: str, x: float, y: float, width: float) -> float:
        """A map's colours with their values and their unit; returns its height in inches."""
        bar = colour_bar(kind)
        self._ground.imshow(bar, extent=(x, x + width, y + 0.07, y), aspect="auto")
        ends = {"left": -limit, "center": 0.0, "right": limit} if kind == "signed" else {"left": 0.0, "right": limit}
        for align, value in ends.items():
            self.words(number(value), x, y + 0.09, width, SMALL, align=align)  # type: ignore[arg-type]
        return 0.2 + self.words(unit, x, y + 0.2, width, SMALL, lines=4)

    def plot(self, x: float, y: float, width: float, height: float) -> "Axes":
        """Axes whose frame has its upper left corner at (x, y)."""
        return self.figure.add_axes(
            (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        )


def wrap(text: str, width: float, size: float, lines: int, bold: bool = False) -> list[str]:
    """Lines no wider than ``width`` inches, broken between words, within one that is too long; the last one ends in
    ``…`` where more was to come."""
    room = width * _SLACK
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if text_width(longer, size, bold) <= room:
            rows[-1] = longer
        else:
            rows.append(word) if rows[-1] else rows.__setitem__(0, word)
    shown = [_cut(line, room, size, bold) for line in rows[:lines]]
    if len(rows) > lines and not shown[-1].endswith("…"):
        shown[-1] = _cut(f"{shown[-1]} …", room, size, bold)
    return shown


@lru_cache(maxsize=8192)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Inches that a line takes in the figure's font; to be asked within ``styled``."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(findfont(FontProperties(weight="bold" if bold else "normal")))
    font.set_size(size, 72)
    font.set_text(text, 0.0, flags=LoadFlags.NO_HINTING)
    return float(font.get_width_height()[0]) / 64 / 72


def _cut(line: str, room: float, size: float, bold: bool) -> str:
    if text_width(line, size, bold) <= room:
        return line
    shorter = line.rstrip("… ")
    while shorter and text_width(f"{shorter}…", size, bold) > room:
        shorter = shorter[:-1]
    return f"{shorter.rstrip()}…"
