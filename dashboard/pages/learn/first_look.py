"""What ID looks like: reference images of every class, to look at before the quiz begins."""

from html import escape

import numpy as np
import streamlit as st

from dashboard import words
from dashboard.components import marks
from nero_core import Inspector

EACH = 6  # images a class


def first_look(inspector: Inspector, is_open: bool) -> None:
    """A row a class. It is open until the first answer, and can be opened again."""
    with st.expander("First look: what ID looks like", icon=":material/visibility:", expanded=is_open):
        st.html(f'<div class="nero-first-look">{rows(inspector)}</div>')
        st.caption(
            f"Some of the {inspector.bundle.fit_size} images that the methods were fitted on, in the small size that "
            f"the reference set {words.plain(inspector.bundle.card.title)} keeps."
        )


def rows(inspector: Inspector, each: int = EACH) -> str:
    """Images of every class, spread over all that there are."""
    fit = inspector.bundle.fit
    labels, html = np.asarray(fit.labels.cpu()), ""
    for label, name in enumerate(inspector.bundle.card.class_names):
        places = np.flatnonzero(labels == label)
        chosen = places[np.linspace(0, len(places) - 1, min(each, len(places))).astype(int)]
        pictures = "".join(
            f"<figure>{marks.reference_picture(inspector, fit.ids[place], f'Reference image of {name}')}</figure>"
            for place in chosen
        )
        html += f"<h4>{escape(name)}</h4><div class='nero-references nero-strip'>{pictures}</div>"
    return html
