"""The image, and on it where the evidence lies."""

import io

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.sidebar import Options
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.explain.render import heat_limit, overlay, smooth
from nero_core.types import Explanation

VIEWS = ("image", "heatmap", "evidence")


def image_card(inspector: Inspector, item: Source, options: Options) -> None:
    """The original first; the maps are computed when they are asked for, and kept."""
    with st.container(border=True, height="stretch", key="image_card"):
        _views(inspector, item, options)


@st.fragment
def _views(inspector: Inspector, item: Source, options: Options) -> None:
    with plain_errors():
        view = st.segmented_control(
            "Show",
            VIEWS,
            default="image",
            required=True,
            key=state.VIEW,
            bind="query-params",
            label_visibility="collapsed",
        )
        pixels = resources.picture(item)
        if view == "image":
            shown = marks.picture(pixels, f"The image {item.name}", "png", pixelated=_is_enlarged(item, pixels))
            st.html(f'<div class="nero-picture">{shown}</div>')
            return
        place = st.container()
        opacity = st.slider(
            "Opacity of the map", 0, 100, 70, step=5, format="%d %%", key=state.OPACITY, bind="query-params"
        )
        with st.spinner("Tracing relevance back to the pixels …"):
            why = resources.explanation(inspector, item, options.concepts, options.order)
        with place:
            _map(pixels, why, str(view), opacity / 100, inspector.bundle.card.class_names, item.name)


def _map(
    pixels: NDArray[np.uint8], why: Explanation, view: str, opacity: float, class_names: tuple[str, ...], name: str
) -> None:
    explained = class_names[why.explained_class]
    if view == "heatmap":
        heatmap = smooth(why.heatmap)
        limit = heat_limit(heatmap)
        shown = overlay(pixels, heatmap, opacity, limit)
        alt = f"Heatmap of {explained} on {name}"
        legend = marks.legend(
            "signed",
            limit,
            f"relevance per pixel for {explained}; all pixels add up to its probability, less the bias's part",
        )
        says = words.conservation(why.conservation)
        limits = (
            f"Green speaks for {words.plain(explained)}, purple against it. "
            "It shows what the classifier used, not whether the finding is right."
        )
    else:
        evidence = np.maximum(smooth(why.evidence), 0)
        says = words.conservation(why.evidence_conservation, is_evidence=True)
        if not evidence.any():
            st.html(f'<div class="nero-picture">{marks.picture(pixels, f"The image {name}, without evidence")}</div>')
            st.caption(says)
            return
        limit = heat_limit(evidence)
        shown = overlay(pixels, evidence, opacity, limit, kind="positive")
        alt = f"Evidence for the distance on {name}"
        legend = marks.legend("positive", limit, "distance per pixel, from over-used channels")
        limits = "Bright parts drive the image away from its nearest class. Missing evidence cannot be shown here."
    st.html(f'<div class="nero-picture">{marks.picture(shown, alt)}</div>{legend}')
    st.caption(f"{says} {limits} Smoothed over the network's grid of 32 pixels.")


def _is_enlarged(item: Source, pixels: NDArray[np.uint8]) -> bool:
    """Whether the file holds fewer pixels than are shown of it."""
    with Image.open(io.BytesIO(item.data)) as image:
        return bool(max(image.size) < max(pixels.shape[:2]))
