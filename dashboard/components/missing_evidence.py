"""What the image lacks: under-used channels have no place in it, so their reference images are shown."""

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import resources, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, reference_pixels
from dashboard.resources import Source
from nero_core import Inspector, Panel, panels_figure
from nero_core.types import MissingConcept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 4  # reference images of a channel in the figure


def missing_evidence(inspector: Inspector, item: Source) -> None:
    """A short, quiet list under the evidence map."""
    channels = resources.channels(inspector, item)
    found = resources.missing_evidence(inspector, item)
    nearest = inspector.bundle.card.class_names[channels.nearest]
    st.markdown("**Missing evidence**")
    if not found:
        st.caption(f"None: no channel that {words.plain(nearest)} uses more adds to the distance.")
        return
    whole = float(channels.share.sum())
    st.html(f'<div class="nero-lacking">{"".join(_row(inspector, one, whole) for one in found)}</div>')
    st.caption(
        f"Channels that {words.plain(nearest)} uses more than this image does, with what they add to the distance. "
        "They have no place here; these reference images use them most."
    )
    figure_download("missing evidence", partial(_figure, inspector, found, nearest, whole), "missing_evidence")


def _figure(inspector: Inspector, found: tuple[MissingConcept, ...], nearest: str, whole: float) -> "Figure":
    panels = [
        Panel(
            tuple(reference_pixels(inspector, reference) for reference in one.references[:MOST]),
            _named(one),
            ", ".join([_adds(one, whole), *([] if one.references else ["no ID image uses it"])]),
        )
        for one in found
    ]
    heading = f"Channels that {nearest} uses more than this image does, and the reference images that use them most"
    return panels_figure([(heading, panels)], 2)


def _row(inspector: Inspector, one: MissingConcept, whole: float) -> str:
    pictures = "".join(
        marks.reference(inspector, reference, value)
        for reference, value in zip(one.references, one.reference_relevance, strict=True)
    )
    unused = "" if pictures else "<br>no ID image uses it"
    return (
        f"<section><p><b>{escape(_named(one))}</b><br>{_adds(one, whole)}{unused}</p>"
        f'<div class="nero-references">{pictures}</div></section>'
    )


def _named(one: MissingConcept) -> str:
    return f"{one.channel} {words.use(one.relevance, one.centroid)}"


def _adds(one: MissingConcept, whole: float) -> str:
    part = f" ({words.percent(one.share / whole)})" if whole > 0 else ""
    return f"adds {words.number(one.share)}{part}"
