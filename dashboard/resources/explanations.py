"""The maps on the page "Screen an image": the slow part."""

from dataclasses import replace
from math import isfinite
from typing import Literal

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from dashboard.operations.metrics import timed
from dashboard.resources.bundles import explorer, key
from dashboard.resources.images import HOUR, Source, decoded
from dashboard.resources.turns import TURNS
from dashboard.resources.verdicts import answer, observation, observation_with_image
from nero_core import Inspector
from nero_core.types import (
    BlockConservation,
    Detection,
    DrawnText,
    Explanation,
    MissingConcept,
    PictureMeasure,
    SimilarCases,
    Unlikeness,
)

TEXT_SIDE = 480  # pixels of the longer side of what is shown of drawn text


def explanation(
    model: Inspector,
    item: Source,
    concepts: int,
    order: str,
    chosen: tuple[int, ...] = (),
    composite: str | None = None,
) -> Explanation:
    """Heatmaps and concepts: the slow part. The architecture's own composite where none is named."""
    return _explanation(key(model), item.id, concepts, order, chosen, composite, model, item)


def concepts(model: Inspector, item: Source, count: int, order: str, chosen: tuple[int, ...] = ()) -> Explanation:
    """The same for who looks at concepts alone: the class heatmap by the composite that makes them, which costs least.

    Raises:
        RelevanceError: the architecture has no honest heatmap.
    """
    return explanation(model, item, count, order, chosen, next(iter(model.concept_composites), None))


def blocks(model: Inspector, item: Source, composite: str) -> tuple[BlockConservation, ...]:
    """How much relevance of the class heatmap reaches each block."""
    return _blocks(key(model), item.id, composite, model, item)


def missing_evidence(model: Inspector, item: Source) -> tuple[MissingConcept, ...]:
    """The channels of less relevance than usual that add most to the distance; no backward pass."""
    return _missing_evidence(key(model), item.id, model, item)


def less_than_usual(model: Inspector, item: Source) -> dict[str, float]:
    """The share of the distance at each stage that is less than usual, for NERO at all depths; empty where that cannot
    be fitted or the distance is 0."""
    deep = answer(model, item, "nero_deep", model.bundle.card.tpr)
    shares = {} if isinstance(deep, str) else {stage: float(less[0]) for stage, less in deep.stage_less.items()}
    return {stage: share for stage, share in shares.items() if isfinite(share)}


def unlikeness(model: Inspector, item: Source) -> Unlikeness:
    """Where the image is unlike the reference images: half a forward pass."""
    return _unlikeness(key(model), item.id, model, item)


def picture_check(model: Inspector, item: Source) -> tuple[PictureMeasure, ...]:
    """Light, contrast, sharpness, colour and shape of the picture against the reference images'."""
    return _picture_check(key(model), item.id, model, item)


def drawn_text(model: Inspector, item: Source) -> tuple[DrawnText, NDArray[np.uint8]] | None:
    """Where something like text is drawn in the picture, and that part of it, with what is around it."""
    return _drawn_text(key(model), item.id, model, item)


def similar(model: Inspector, item: Source) -> SimilarCases:
    """The reference images nearest to the image, and whether they are near."""
    return _similar(key(model), item.id, model, item)


def share_unlike(model: Inspector, item: Source, detection: Detection) -> float:
    """Share of the image that is unlike, where the first stages of the network reject it, and 1 where it is not known:
    what ``Detection.is_foreign`` asks for."""
    if model.no_unlikeness_because or not detection.is_foreign(0):
        return 1.0
    return unlikeness(model, item).share


@st.cache_resource(max_entries=48, ttl=HOUR, show_spinner=False)
def _explanation(
    model_key: str,
    image_id: str,
    concepts: int,
    order: str,
    chosen: tuple[int, ...],
    composite: str | None,
    _model: Inspector,
    _item: Source,
) -> Explanation:
    by: Literal["contribution", "relevance"] = "relevance" if order == "relevance" else "contribution"
    observed = observation_with_image(_model, _item)
    with TURNS.maps(), timed("explain"):
        why = _model.explain(
            observed, concepts=concepts, by=by, channels=chosen, composite=composite, with_unlikeness=False
        )
    return why if _model.no_unlikeness_because else replace(why, unlike=unlikeness(_model, _item))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _blocks(
    model_key: str, image_id: str, composite: str, _model: Inspector, _item: Source
) -> tuple[BlockConservation, ...]:
    return _model.blocks(observation_with_image(_model, _item), composite=composite)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _missing_evidence(model_key: str, image_id: str, _model: Inspector, _item: Source) -> tuple[MissingConcept, ...]:
    return explorer(_model).missing_evidence(observation(_model, _item))


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _unlikeness(model_key: str, image_id: str, _model: Inspector, _item: Source) -> Unlikeness:
    return _model.unlikeness(observation_with_image(_model, _item))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _picture_check(model_key: str, image_id: str, _model: Inspector, _item: Source) -> tuple[PictureMeasure, ...]:
    with decoded(_item) as full:
        return explorer(_model).check_picture(full)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _drawn_text(
    model_key: str, image_id: str, _model: Inspector, _item: Source
) -> tuple[DrawnText, NDArray[np.uint8]] | None:
    with decoded(_item) as full:
        found = explorer(_model).drawn_text(full)
        if found is None:
            return None
        left, top, right, bottom = found.box
        margin = 3 * (bottom - top)
        part = full.pixels[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
        scale = TEXT_SIDE / max(part.shape[:2])
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        return found, np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _similar(model_key: str, image_id: str, _model: Inspector, _item: Source) -> SimilarCases:
    return explorer(_model).similar(observation(_model, _item))
