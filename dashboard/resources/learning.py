"""The page "Learn": perturbed images and the pictures of the quiz."""

from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.resources.bundles import key
from dashboard.resources.images import HOUR, Source, own_size, source
from nero_core import Inspector
from nero_core.data import Picture
from nero_core.phantom import Perturbation, QuizCase, perturb, quiz_case
from nero_core.types import Channels, Detection, Explanation, Observation


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A perturbed image with what NERO says of it.

    Attributes:
        pixels: as shown.
        observation: with the image at the classifier's input size.
        detection: of NERO.
        channels: against the centroids.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    observation: Observation = field(repr=False)
    detection: Detection
    channels: Channels


def perturbed(model: Inspector, item: Source, perturbation: Perturbation, tpr: float) -> Perturbed:
    """A perturbed image and its score: of the last few dozen only, so that sliders do not push others' results out."""
    return _perturbed(key(model), item.id, repr(perturbation), tpr, perturbation, model, item)


def perturbed_explanation(model: Inspector, item: Source, perturbation: Perturbation, shown: Perturbed) -> Explanation:
    """The heatmap of a perturbed image; with no concept, which would take longer."""
    return _perturbed_explanation(key(model), item.id, repr(perturbation), model, shown)


def drawn_case(seed: int, number: int) -> tuple[QuizCase, Source]:
    """A picture of the quiz, and the same as a file to score."""
    return _drawn_case(seed, number)


@st.cache_resource(max_entries=32, ttl=HOUR, show_spinner=False)
def _perturbed(
    model_key: str,
    image_id: str,
    recipe: str,
    tpr: float,
    _perturbation: Perturbation,
    _model: Inspector,
    _item: Source,
) -> Perturbed:
    pixels = perturb(own_size(_item), _perturbation)
    observation = _model.observe(_model.decode([Picture(pixels, _item.id, "perturbed")]))
    return Perturbed(pixels, observation, _model.detect(observation, tpr=tpr)["nero"], _model.channels(observation))


@st.cache_resource(max_entries=16, ttl=HOUR, show_spinner=False)
def _perturbed_explanation(
    model_key: str, image_id: str, recipe: str, _model: Inspector, _shown: Perturbed
) -> Explanation:
    return _model.explain(_shown.observation, concepts=0, with_unlikeness=False)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _drawn_case(seed: int, number: int) -> tuple[QuizCase, Source]:
    case = quiz_case(seed, number)
    return case, source(f"quiz {seed} {number}", f"picture {number + 1}.jpg", case.data)
