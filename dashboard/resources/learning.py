"""The page "Learn": perturbed images and the pictures of the quiz."""

from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.resources.bundles import key
from dashboard.resources.images import HOUR, Source, own_size, source
from nero_core import Inspector
from nero_core.calibration import FeatureBank
from nero_core.data import Picture
from nero_core.errors import NeroError
from nero_core.phantom import Perturbation, QuizCase, can_be_quizzed, perturb, quiz_case
from nero_core.types import Channels, Detection, Explanation, Observation

OWN_SAMPLES = 4  # ID and OOD each: what fits beside the uploader
_OWN = 0x52  # keeps this stream of random numbers apart from that of the drawn quiz


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


def has_own_cases(model: Inspector) -> bool:
    """Whether the reference set keeps pictures of ID and OOD images that no method was fitted on."""
    return all(rows.size for rows in _own_rows(key(model), model))


def shows_own_pictures(model: Inspector) -> bool:
    """Whether pictures to look at and to judge are the reference set's own; of drawn ones there are always fresh ones
    that no set has."""
    card = model.bundle.card
    return not (card.synthetic and can_be_quizzed(card.class_names)) and has_own_cases(model)


def own_samples(model: Inspector) -> tuple[dict[str, Source], dict[str, Source]]:
    """Small pictures of the reference set's own calibration and OOD images, a few of each, classes in turn, by their
    names in a link; none where ``shows_own_pictures`` is not true, or of pictures that are missing or altered."""
    if not shows_own_pictures(model):
        return {}, {}
    bundle = model.bundle
    groups = ((bundle.calibration, bundle.card.class_names), (bundle.ood, bundle.card.ood_class_names))
    found: list[dict[str, Source]] = []
    for (bank, names), rows in zip(groups, _own_rows(key(model), model), strict=True):
        assert bank is not None  # has_own_cases
        labels = bank.labels.cpu().numpy()[rows]
        turns = np.array([int((labels[:place] == label).sum()) for place, label in enumerate(labels)])
        group: dict[str, Source] = {}
        for row, label in ((rows[place], labels[place]) for place in np.lexsort((labels, turns))[:OWN_SAMPLES]):
            image_id = bank.ids[row]
            with suppress(NeroError):
                name = f"{names[label]}, kept small.webp"
                group[f"own-{image_id[:12]}"] = source(f"own {image_id}", name, model.thumbnail(image_id))
        found.append(group)
    return found[0], found[1]


def own_case(model: Inspector, seed: int, number: int) -> tuple[QuizCase, Source]:
    """A picture of the quiz from the reference set's own calibration and OOD images, and the same as a small file.

    ID or OOD by the toss of a coin, then one of the images.
    """
    bank, row, is_ood = _own_place(model, seed, number)
    names = model.bundle.card.ood_class_names if is_ood else model.bundle.card.class_names
    data = model.thumbnail(bank.ids[row])
    item = source(f"own {bank.ids[row]}", f"picture {number + 1}.webp", data)
    return QuizCase(data, names[int(bank.labels[row])], is_ood), item


def own_answer(model: Inspector, seed: int, number: int, method: str, tpr: float) -> Detection | str:
    """What a method says of the image behind that picture, from the bank; or why it cannot."""
    bank, row, _ = _own_place(model, seed, number)
    part = slice(row, row + 1)
    stages = {name: means[part] for name, means in bank.stages.items()}
    head = model.bundle.classifier.head
    try:
        observed = Observation(bank.features[part], head, bank.ids[part], stages=MappingProxyType(stages))
        return model.detect(observed, (method,), tpr)[method]
    except NeroError as error:
        return str(error)


def _own_place(model: Inspector, seed: int, number: int) -> tuple[FeatureBank, int, bool]:
    rng = np.random.default_rng([_OWN, seed, number])
    is_ood = bool(rng.random() < 0.5)
    bank = model.bundle.ood if is_ood else model.bundle.calibration
    assert bank is not None  # has_own_cases
    return bank, int(rng.choice(_own_rows(key(model), model)[is_ood])), is_ood


@st.cache_resource(max_entries=8, show_spinner=False)
def _own_rows(model_key: str, _model: Inspector) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the calibration bank and of the OOD bank with a picture."""
    bundle = _model.bundle
    ids = (bundle.calibration.ids, () if bundle.ood is None else bundle.ood.ids)
    inside, outside = (np.flatnonzero([bundle.has_thumbnail(image_id) for image_id in part]) for part in ids)
    return inside, outside


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
