"""The page "Neuron explorer": channels in depth and the map of reference images."""

from typing import Literal

import streamlit as st

from dashboard.resources.bundles import explorer, key
from dashboard.resources.images import HOUR, Source
from dashboard.resources.verdicts import observation, observation_with_image
from nero_core import Inspector
from nero_core.types import Channels, ChannelSummary, ConceptDepth, MapPlace, Observation, OodOnMap

PATIENCE = 1.0  # seconds that a page waits while a map is laid out


def concept(model: Inspector, item: Source, channel: int) -> ConceptDepth:
    """One channel in one image, in depth: the slow part of a channel's page."""
    return _concept(key(model), item.id, channel, model, item)


def channel_summary(model: Inspector, channel: int) -> ChannelSummary:
    """One channel in the fit bank."""
    return _channel_summary(key(model), channel, model)


def reference_channels(model: Inspector, reference_id: str) -> Channels:
    """Every channel of a fit image against the centroids, from the bank."""
    return _reference_channels(key(model), reference_id, model)


def place(model: Inspector, item: Source, kind: Literal["pca", "umap"]) -> MapPlace:
    """Where an image lies on a map that is made.

    Raises:
        BusyError: UMAP lays out another map now.
    """
    return _place(key(model), item.id, kind, model, item)


def ood_on_map(model: Inspector, kind: Literal["pca", "umap"]) -> OodOnMap | None:
    """Where the reference set's OOD images lie on a map that is made; raises as ``place``."""
    return explorer(model).ood_on_map(kind, PATIENCE)


@st.cache_resource(max_entries=64, ttl=HOUR, show_spinner=False)
def _concept(model_key: str, image_id: str, channel: int, _model: Inspector, _item: Source) -> ConceptDepth:
    return explorer(_model).concept(observation_with_image(_model, _item), channel)


@st.cache_resource(max_entries=128, ttl=HOUR, show_spinner=False)
def _channel_summary(model_key: str, channel: int, _model: Inspector) -> ChannelSummary:
    return explorer(_model).summary(channel)


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _reference_channels(model_key: str, reference_id: str, _model: Inspector) -> Channels:
    fit = _model.bundle.fit
    row = fit.ids.index(reference_id)
    return _model.channels(Observation(fit.features[row : row + 1], _model.bundle.classifier.head, (reference_id,)))


@st.cache_resource(max_entries=256, ttl=HOUR, show_spinner=False)
def _place(model_key: str, image_id: str, kind: Literal["pca", "umap"], _model: Inspector, _item: Source) -> MapPlace:
    return explorer(_model).place(observation(_model, _item), kind, patience=PATIENCE)
