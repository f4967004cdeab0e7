"""Figures for papers: their style, and saving them as SVG, PDF or PNG. Drawn by matplotlib without a display.

The figures themselves stand in the modules beside this one; the screen draws its own with plotly.
"""

import io
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, get_args

from nero_core.detectors.catalog import OURS
from nero_core.errors import NeroError
from nero_core.process_wide import PROCESS_WIDE

if TYPE_CHECKING:  # matplotlib takes half a second to import, and the screen needs it only when a figure is saved
    from matplotlib.figure import Figure

Form = Literal["png", "svg", "pdf"]

#: inches: a column and the text width of the usual two-column page
SINGLE, DOUBLE = 3.5, 7.2
# Okabe-Ito, safe for colour-blind eyes; ID, OOD and the further classes have these colours on the screen too.
ID, OOD, HERE, CENTROID = "#0072B2", "#D55E00", "#111111", "#767B84"
#: further classes, in the order in which they are chosen, each with its marker
CLASSES = (("#009E73", "^"), ("#CC79A7", "s"), ("#56B4E9", "X"), ("#B79F00", "v"))
SMALL, PLAIN, LARGE = 5.5, 6.5, 8.0  # points; journals ask for at least 5
LONGEST_NAME = 40  # characters of a class name

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same
    "font.size": PLAIN,
    "axes.labelsize": PLAIN,
    "axes.titlesize": PLAIN,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": PLAIN,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.2,
    "legend.borderpad": 0.0,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.5,
    "text.parse_math": False,  # a class name may hold a dollar sign
    "image.composite_image": False,  # each picture stays one picture in SVG and PDF
    "svg.fonttype": "none",  # text stays text, to be searched and edited
    "pdf.fonttype": 42,  # TrueType: the same for PDF
    "svg.hashsalt": "nero",  # ids that do not change from one saving to the next
}
_METADATA: dict[Form, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def figure_bytes(figure: "Figure", form: Form = "png", dpi: int = 300) -> bytes:
    """The figure as a file; the same figure gives the same bytes.

    In SVG and PDF text stays text (SVG names the font DejaVu Sans, PDF embeds it), lines stay lines, and each picture
    keeps up to 400 pixels an inch, whatever ``dpi`` is. Nothing says when the file was made.

    Args:
        figure: made by one of this package's figure functions.
        form: ``png``, ``svg`` or ``pdf``.
        dpi: pixels an inch of a PNG.

    Raises:
        NeroError: the form is none of the three, or ``dpi`` is not above 0.
    """
    from matplotlib.image import AxesImage

    if form not in get_args(Form):
        raise NeroError(f"Expected one of {', '.join(get_args(Form))}. Found {form!r}. Choose one of these.")
    if dpi < 1:
        raise NeroError(f"Expected at least 1 pixel an inch. Found {dpi}. Papers ask for 300.")
    buffer = io.BytesIO()
    with styled():
        for image in figure.findobj(AxesImage):
            if isinstance(image, AxesImage):  # "none" keeps the pixels; a PNG has fewer of them and needs a mean
                image.set_interpolation("antialiased" if form == "png" else "none")
        figure.savefig(buffer, format=form, dpi=dpi, metadata=_METADATA[form])
    return buffer.getvalue()


@contextmanager
def styled() -> Iterator[None]:
    """The style, for the block or, as a decorator, for the function; one thread at a time.

    The user's own matplotlib settings play no part, so that a figure does not depend on who draws it.
    """
    import matplotlib.style

    with PROCESS_WIDE, warnings.catch_warnings():
        # A name in a script that the font lacks: SVG still holds it as text, the others show boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        with matplotlib.style.context(["default", _STYLE]):
            yield


def label(name: str, longest: int = LONGEST_NAME) -> str:
    """A name of others as it may stand in a figure: one line, no control characters (XML forbids them), not long."""
    printable = "".join(letter for letter in " ".join(name.split()) if unicodedata.category(letter)[0] != "C")
    return printable if len(printable) <= longest else f"{printable[: longest - 1].rstrip()}…"


def method_name(name: str) -> str:
    """A method as a paper writes it: ours in capitals, the others as the catalog names them."""
    return OURS.get(name, label(name))
