"""The image, and on it why this class, and where it is unlike the reference images."""

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin, sheet_download
from dashboard.components.image_cards import end_of_card
from dashboard.components.link_values import choices, link_values, numbers
from dashboard.options import Options
from dashboard.pages.screen.faithfulness import composite_choice, how_faithful, where_relevance_goes
from dashboard.pages.screen.missing_evidence import missing_evidence
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import VERDICT, Inspector
from nero_core.figures import (
    UNLIKE,
    evidence_as_shown,
    evidence_figure,
    heat_limit,
    heatmap_figure,
    image_figure,
    overlay,
    smooth,
    unlike_figure,
)
from nero_core.types import Explanation

VIEWS = ("image", "heatmap", "evidence")
_OFFERS = {state.screen.OPACITY: numbers("opacity", 0, 100)}


def image_card(
    inspector: Inspector, item: Source, options: Options, sheet: DeltaGenerator, below: DeltaGenerator
) -> None:
    """The original first; the maps are computed when they are asked for, and kept.

    Args:
        inspector: of the reference set.
        item: the image.
        options: of the research options.
        sheet: where the figure sheet is offered, which is made by the composite that is chosen here.
        below: the full width under the card and the verdict, for what takes more room than the card has.
    """
    with st.container(border=True, height="stretch", key="image_card"):
        _views(inspector, item, options, sheet, below)
        end_of_card(item)


@st.fragment
def _views(inspector: Inspector, item: Source, options: Options, sheet: DeltaGenerator, below: DeltaGenerator) -> None:
    with plain_errors():
        with sheet:
            sheet_download(inspector, item, options, state.screen.composite(inspector.composites))
        with link_values({state.screen.VIEW: choices("view", VIEWS)}):
            view = st.segmented_control(
                "Show",
                VIEWS,
                default="image",
                required=True,
                key=state.screen.VIEW,
                bind="query-params",
                label_visibility="collapsed",
            )
        with below:
            closer = st.empty()  # written in every run, so that Streamlit lets the fragment fill it
        pixels = resources.picture(item)
        if view == "evidence" and not inspector.no_unlikeness_because:
            _unlike(inspector, item, pixels, options.method)
        elif view == "image" or not inspector.composites:
            _original(inspector, item, pixels)
            if view != "image":
                st.caption(words.plain(inspector.no_heatmap_because))
        else:
            _explained(inspector, item, options, pixels, str(view), closer)
            if view == "evidence":
                st.caption(words.plain(inspector.no_unlikeness_because))
        if view == "evidence":
            with closer, st.container(border=True, key="closer_look"):
                missing_evidence(inspector, item)
                end_of_card(item)


def _original(inspector: Inspector, item: Source, pixels: NDArray[np.uint8]) -> None:
    shown = marks.picture(pixels, f"The image {item.name}", "png", pixelated=_is_enlarged(item, pixels))
    st.html(f'<div class="nero-picture">{shown}</div>')
    figure_download("image", lambda: image_figure(pixels), "image", footer=origin(inspector, item))


def _explained(
    inspector: Inspector, item: Source, options: Options, pixels: NDArray[np.uint8], view: str, closer: DeltaGenerator
) -> None:
    """A map on the image, its controls, and how far it can be believed."""
    names = inspector.bundle.card.class_names
    place = st.container()
    with link_values(_OFFERS), st.container(horizontal=True, vertical_alignment="bottom"):
        composite = composite_choice(
            inspector, inspector.composites if view == "heatmap" else inspector.concept_composites
        )
        opacity = _opacity()
    with st.spinner("Tracing relevance back to the pixels …"):
        if composite == inspector.concept_composites[0]:  # the concepts below the card need the same explanation
            why = resources.concepts(inspector, item, options.concepts, options.order)
        else:
            why = resources.explanation(inspector, item, 0, "contribution", composite=composite)
    with place:
        _map(pixels, why, view, opacity, names, item.name)
    draw = heatmap_figure if view == "heatmap" else evidence_figure
    with st.container(horizontal=True, vertical_alignment="center"):
        make = partial(draw, pixels, why, names, opacity)
        figure_download(view, make, view, footer=origin(inspector, item))
        if view == "heatmap" and why.composite == why.concept_composite:
            where_relevance_goes(inspector, item, why)
    if view == "heatmap":
        with closer, st.container(border=True, key="closer_look"):
            how_faithful(inspector, item, why, options)
            end_of_card(item)


def _unlike(inspector: Inspector, item: Source, pixels: NDArray[np.uint8], method: str) -> None:
    """The map of the patches, for any architecture; its colours are fixed against the reference images."""
    place = st.container()
    with link_values(_OFFERS):
        opacity = _opacity()
    with st.spinner("Comparing the image with the reference images, patch by patch …"):
        unlike = resources.unlikeness(inspector, item)
    heatmap = smooth(unlike.heatmap, unlike.sigma)
    shown = overlay(pixels, heatmap, opacity, unlike.limit, "positive") if heatmap.any() else pixels
    with place:
        st.html(
            f'<div class="nero-picture">{marks.picture(shown, f"{UNLIKE}, on {item.name}")}</div>'
            + marks.legend("positive", unlike.limit, "beyond what is usual; brighter = less usual")
        )
        whose = "" if method == VERDICT else f" It does not explain the score of {words.plain(words.method(method))}."
        st.caption(words.where_unlike(unlike) + whose)
    make = partial(unlike_figure, pixels, unlike, opacity)
    figure_download("evidence", make, "evidence", footer=origin(inspector, item))


def _opacity() -> float:
    """Of the map, in [0, 1]."""
    percent = st.slider(
        "Opacity of the map",
        0,
        100,
        70,
        step=5,
        format="%d %%",
        key=state.screen.OPACITY,
        bind="query-params",
        width=190,
    )
    return percent / 100


def _map(
    pixels: NDArray[np.uint8], why: Explanation, view: str, opacity: float, class_names: tuple[str, ...], name: str
) -> None:
    explained = class_names[why.explained_class]
    if view == "heatmap":
        heatmap = smooth(why.heatmap, why.sigma)
        limit = heat_limit(heatmap)
        shown = overlay(pixels, heatmap, opacity, limit)
        alt = f"Heatmap of {explained} on {name}"
        unit = f"relevance per pixel for {explained}"
        if why.path is not None:
            unit = f"part of {explained}'s logit per pixel"
        elif abs(why.conservation - 1) < 0.05:  # else the caption below says what is missing
            unit += "; all pixels add up to its probability, less the bias's part"
        legend = marks.legend("signed", limit, unit)
        says = words.heatmap_conservation(why)
        limits = (
            f"Green speaks for {words.plain(explained)}, purple against it. "
            "It shows what the classifier used, not whether the finding is right."
        )
    else:
        evidence, kind = evidence_as_shown(why.nero_evidence, why.sigma)
        says = words.conservation(why.evidence_conservation, True, why.evidence_cancellation)
        if not evidence.any():
            st.html(f'<div class="nero-picture">{marks.picture(pixels, f"The image {name}, without evidence")}</div>')
            st.caption(says)
            return
        limit = heat_limit(evidence)
        shown = overlay(pixels, evidence, opacity, limit, kind)
        alt = f"Evidence for the distance on {name}"
        legend = marks.legend(kind, limit, "NERO's distance per pixel, from channels used more than usual")
        says_colour = (
            "Bright parts drive the image away from its nearest class."
            if kind == "positive"
            else "Green adds to the distance, purple takes from it."
        )
        limits = f"{says_colour} What is missing, or argues against the class, is listed below."
    st.html(f'<div class="nero-picture">{marks.picture(shown, alt)}</div>{legend}')
    st.caption(f"{says} {limits} Smoothed, since the network reads the image on a coarse grid.")


def _is_enlarged(item: Source, pixels: NDArray[np.uint8]) -> bool:
    """Whether the file holds fewer pixels than are shown of it."""
    return bool(max(resources.sides(item)) < max(pixels.shape[:2]))
