"""What the image lacks: under-used channels have no place in it, so their reference images are shown."""

from html import escape

import streamlit as st

from dashboard import resources, words
from dashboard.components import marks
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.types import MissingConcept


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


def _row(inspector: Inspector, one: MissingConcept, whole: float) -> str:
    part = f" ({words.percent(one.share / whole)})" if whole > 0 else ""
    said = f"{one.channel} {words.use(one.relevance, one.centroid)}"
    pictures = "".join(
        marks.reference(inspector, reference, value)
        for reference, value in zip(one.references, one.reference_relevance, strict=True)
    )
    unused = "" if pictures else "<br>no ID image uses it"
    return (
        f"<section><p><b>{escape(said)}</b><br>adds {words.number(one.share)}{part}{unused}</p>"
        f'<div class="nero-references">{pictures}</div></section>'
    )
