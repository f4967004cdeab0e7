"""Any figure as a file for a paper: SVG, PDF or PNG at 300 dpi, drawn when it is asked for and not before."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import resources, words
from dashboard.components.download_row import download_row
from dashboard.options import Options
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.data import decode_image
from nero_core.errors import NeroError, RelevanceError
from nero_core.figures import figure_bytes, figure_sheet, reference_pictures, short_id, with_origin
from nero_core.types import Explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Form = Literal["svg", "pdf", "png"]
DPI = 300
_FORMS: dict[Form, tuple[str, str]] = {
    "svg": ("SVG", "image/svg+xml"),
    "pdf": ("PDF", "application/pdf"),
    "png": (f"PNG, {DPI} dpi", "image/png"),
}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a figure is made of: said at its foot, so that it can be matched with the image on the screen.

    Attributes:
        image_id: sha256 of the image's file. Its name is what a user called it, and stands in no figure.
        reference_set: title of the bundle.
    """

    image_id: str
    reference_set: str


def origin(inspector: Inspector, item: Source) -> Origin:
    """Of a figure of this image."""
    return Origin(item.id, inspector.bundle.card.title)


def figure_download(
    name: str, make: "Callable[[], Figure]", key: str, label: str = "Save figure", footer: Origin | None = None
) -> None:
    """A quiet button with the three formats.

    Args:
        name: of the file, without its ending; never what a user called an image.
        make: draws the figure. It runs outside the page, when somebody clicks: no Streamlit calls, no session.
        key: of the button, one for each place.
        label: of the button.
        footer: what a figure of one image is made of.
    """
    with st.popover(label, icon=":material/image:", type="tertiary", key=f"{key}_figure"):
        st.caption("For papers: drawn again for print, in one or two columns' width.")
        figure_forms(name, make, key, footer)


def figure_forms(name: str, make: "Callable[[], Figure]", key: str, footer: Origin | None = None) -> None:
    """The three formats alone, for where a popover is open already; arguments as of ``figure_download``."""
    stem = file_name(name) if footer is None else f"{file_name(name)}-{short_id(footer.image_id)}"
    download_row(_FORMS, lambda form: partial(_draw, make, form, footer), stem, key)


def sheet_download(inspector: Inspector, item: Source, options: Options, composite: str | None) -> None:
    """Image, heatmaps, concepts and mean relevance on one sheet, the maps by the composite that the page shows."""

    def make() -> "Figure":
        names = inspector.bundle.card.class_names
        why, reason = None, ""
        try:
            why = resources.explanation(inspector, item, options.concepts, options.order, composite=composite)
        except RelevanceError as error:
            reason = str(error)
        thumbnails, classes = references(inspector, why)
        return figure_sheet(
            resources.picture(item),
            resources.channels(inspector, item),
            resources.explorer(inspector).mean_relevance(),
            names,
            why,
            thumbnails,
            classes,
            resources.detection(inspector, item, options.method, options.tpr, options.like, options.by_class),
            reason,
            note=words.SYNTHETIC if inspector.bundle.card.synthetic else "",
        )

    figure_download("figure sheet", make, "sheet", "Figure sheet", origin(inspector, item))


def references(inspector: Inspector, why: Explanation | None) -> tuple[list[list[bytes | None]], list[list[str]]]:
    """Thumbnails and classes of the reference images of each concept; None where the bundle has no picture of one."""
    return reference_pictures(() if why is None else why.concepts, inspector.thumbnail, inspector.reference_class)


def reference_pixels(inspector: Inspector, reference: str) -> NDArray[np.uint8] | None:
    """The small picture of a reference image; None where it is missing or altered."""
    try:
        return decode_image(inspector.thumbnail(reference), name="reference image").pixels
    except NeroError:
        return None


def file_name(name: str) -> str:
    """Letters, digits and hyphens: ``Scores by class`` → ``scores-by-class``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "figure"


def _draw(make: "Callable[[], Figure]", form: Form, footer: Origin | None) -> bytes:
    figure = make()
    return figure_bytes(
        figure if footer is None else with_origin(figure, footer.image_id, footer.reference_set), form, DPI
    )
