"""The channels that moved the score: where they lie in the image, and which reference images use them most."""

from html import escape

import streamlit as st

from dashboard import resources, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download, origin, references
from dashboard.components.image_cards import end_of_card
from dashboard.options import Options
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from nero_core import COMPOSITES, Inspector
from nero_core.figures import (
    MUCH_CANCELLATION,
    SIGNS_CANCEL,
    concept_maps,
    concepts_figure,
    conservation_text,
    fit_within,
    overlay,
    own_limit,
)
from nero_core.types import Concept, Explanation

REFERENCES = 4  # thumbnails a concept: as many as fit beside one another; all that there are in a single card
SIDE = 384  # pixels of a panel
OPACITY = 0.75


def concept_gallery(inspector: Inspector, item: Source, options: Options) -> None:
    """The top channels, the one that matters most first."""
    with st.container(key="concept_gallery"):
        _gallery(inspector, item, options)
        end_of_card(item)


def _gallery(inspector: Inspector, item: Source, options: Options) -> None:
    with plain_errors():
        moved = "moved NERO's score" if options.order == "contribution" else "carried the prediction"
        st.subheader(f"Concepts that {moved}", anchor=False)
        if not inspector.composites:
            st.caption(words.plain(inspector.no_heatmap_because))
            return
        place = st.container()
        with st.spinner(f"Tracing {options.concepts} channels back to the pixels …"):
            why = resources.concepts(inspector, item, options.concepts, options.order)
        with place:
            nearest = inspector.bundle.card.class_names[why.channels.nearest]
            by = "All maps share one colour scale, unless a card says otherwise, "
            by += f"and are traced by {COMPOSITES[why.concept_composite].title}"
            by += ", whichever composite the map above is made with." if len(inspector.composites) > 1 else "."
            st.caption(
                f"Each card is one feature channel: where it lies in this image, its relevance here and on "
                f"average in {words.plain(nearest)}, and the reference images that use it most. "
                f"{by} All maps together: {conservation_text(why.concept_conservation)}.{_cancels(why)}"
            )
            concept_tiles(inspector, item, why)
            save_concepts(inspector, item, why, "concepts", "concepts")


def concept_tiles(inspector: Inspector, item: Source, why: Explanation, is_single: bool = False) -> None:
    """One card a concept, all maps with one colour limit but those that mostly cancel and would hide the others."""
    shown = tuple(concept.channel for concept in why.concepts)
    st.html(_tiles(resources.key(inspector), item.id, shown, is_single, inspector, item, why))


def save_concepts(inspector: Inspector, item: Source, why: Explanation, name: str, key: str) -> None:
    """The maps and reference images of the concepts as a figure."""
    figure_download(
        name,
        lambda: concepts_figure(resources.picture(item), why, *references(inspector, why), OPACITY),
        key,
        footer=origin(inspector, item),
    )


@st.cache_data(max_entries=64, ttl=resources.HOUR, show_spinner=False)
def _tiles(
    model_key: str,
    image_id: str,
    shown: tuple[int, ...],
    is_single: bool,
    _inspector: Inspector,
    _item: Source,
    _why: Explanation,
) -> str:
    pixels = fit_within(resources.picture(_item), SIDE)
    heatmaps, shared, limits = concept_maps(_why.concepts, _why.sigma)
    nearest = _inspector.bundle.card.class_names[_why.channels.nearest]
    largest = max((max(abs(item.relevance), abs(item.centroid)) for item in _why.concepts), default=1.0)
    tiles = []
    for concept, heatmap, limit in zip(_why.concepts, heatmaps, limits, strict=True):
        # No file name here: the HTML is kept for everybody who has this image.
        panel = marks.picture(overlay(pixels, heatmap, OPACITY, limit), f"Channel {concept.channel} on the image")
        pair = marks.bars(
            [
                ("this image", concept.relevance, words.number(concept.relevance), False),
                (nearest, concept.centroid, words.number(concept.centroid), True),
            ],
            css="nero-pair",
            largest=largest,
        )
        references = _references(_inspector, concept, None if is_single else REFERENCES)
        introduced = "References that use it most:" if references else "No ID image uses it."
        keeps = (
            words.conservation(concept.conservation, cancellation=concept.cancellation, explained="relevance")
            if is_single
            else words.map_keeps(concept.conservation, concept.cancellation, own_limit(limit, shared))
        )
        tiles.append(
            f'<section class="nero-concept"><h4>{escape(words.concept(concept))}</h4>{panel}{pair}'
            f'<p class="caption">{keeps} Adds {words.number(concept.contribution)} to the distance. {introduced}</p>'
            f'<div class="nero-references">{references}</div></section>'
        )
    css = "nero-concepts single" if is_single else "nero-concepts"
    legend = marks.legend("signed", shared, "relevance per pixel of the channel; green adds, purple takes away")
    return f'<div class="{css}">{"".join(tiles)}</div><div class="nero-below">{legend}</div>'


def _references(inspector: Inspector, concept: Concept, count: int | None) -> str:
    pairs = list(zip(concept.references, concept.reference_relevance, strict=True))[:count]
    return "".join(marks.reference(inspector, reference_id, relevance) for reference_id, relevance in pairs)


def _cancels(why: Explanation) -> str:
    """What the cards mean by signs that cancel, where one of them says so."""
    return f" {SIGNS_CANCEL}." if any(concept.cancellation > MUCH_CANCELLATION for concept in why.concepts) else ""
