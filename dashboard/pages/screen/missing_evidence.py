"""What less relevance than usual adds: channels that the image lacks, and channels that speak against in it."""

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import resources, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin, reference_pixels
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.figures import Panel, here_and_usual, panels_figure
from nero_core.types import MissingConcept

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 4  # reference images of a channel in the figure
TITLE = "Missing evidence and counter-evidence"
_MISSING = "missing evidence"
_COUNTER = "counter-evidence"


def missing_evidence(inspector: Inspector, item: Source) -> None:
    """A short, quiet list under the evidence map."""
    channels = resources.channels(inspector, item)
    missing = resources.missing_evidence(inspector, item)
    nearest = inspector.bundle.card.class_names[channels.nearest]
    st.markdown(f"**{TITLE}**, for NERO")
    says = words.distance_shares(channels.distance_shares, resources.less_than_usual(inspector, item))
    if says:
        st.markdown(says)
    if not missing:
        st.caption(f"None: no channel with less relevance than in {words.plain(nearest)} adds to NERO's distance.")
        return
    whole = float(channels.contribution.sum())
    st.html(f'<div class="nero-lacking">{"".join(_row(inspector, concept, whole) for concept in missing)}</div>')
    st.caption(_says(missing, words.plain(nearest), bool(inspector.composites)))
    make = partial(_figure, inspector, missing, nearest, whole)
    figure_download(TITLE, make, "missing_evidence", footer=origin(inspector, item))


def _says(missing: tuple[MissingConcept, ...], nearest: str, has_maps: bool) -> str:
    """How to read the list: of the two kinds those that are in it."""
    told = [f"Channels with less relevance here than {nearest} has on average, with what they add to NERO's distance."]
    if not all(concept.is_counter_evidence for concept in missing):
        told.append("Missing evidence: used less here; what is missing has no place in the image.")
    if any(concept.is_counter_evidence for concept in missing):
        place = "; it has a place, purple on the channel's map (its concept card, or open it)" if has_maps else ""
        told.append(f"Counter-evidence: active here, and argues against the prediction{place}.")
    return " ".join([*told, "The pictures are the reference images that use the channel most."])


def _figure(inspector: Inspector, missing: tuple[MissingConcept, ...], nearest: str, whole: float) -> "Figure":
    panels = [
        Panel(
            tuple(reference_pixels(inspector, reference) for reference in concept.references[:MOST]),
            _named(concept),
            "; ".join(
                [
                    f"{_kind(concept)}: {here_and_usual(concept.relevance, concept.centroid)}",
                    _adds(concept, whole),
                    *([] if concept.references else ["no ID image uses it"]),
                ]
            ),
        )
        for concept in missing
    ]
    heading = (
        f"Channels with less relevance in this image than {nearest} has on average, and the reference images that use "
        "them most"
    )
    return panels_figure([(heading, panels)], 2)


def _row(inspector: Inspector, concept: MissingConcept, whole: float) -> str:
    pictures = "".join(
        marks.reference(inspector, reference, value)
        for reference, value in zip(concept.references, concept.reference_relevance, strict=True)
    )
    unused = "" if pictures else "<br>no ID image uses it"
    numbers = escape(here_and_usual(concept.relevance, concept.centroid))
    return (
        f"<section><p><b>{escape(_named(concept))}</b><br>{_kind(concept)}<br>{numbers}<br>"
        f"{_adds(concept, whole)}{unused}</p>"
        f'<div class="nero-references">{pictures}</div></section>'
    )


def _kind(concept: MissingConcept) -> str:
    return _COUNTER if concept.is_counter_evidence else _MISSING


def _named(concept: MissingConcept) -> str:
    return f"Channel {concept.channel}: {words.use(concept.relevance, concept.centroid)}"


def _adds(concept: MissingConcept, whole: float) -> str:
    part = f" ({words.percent(concept.contribution / whole)})" if whole > 0 else ""
    return f"adds {words.number(concept.contribution)}{part}"
