"""Pictures of one channel: on the image at hand, on reference images, and of the channels that feed it."""

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard import resources, words
from dashboard.components import marks
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.data import decode_image
from nero_core.errors import NeroError
from nero_core.figures import (
    conservation_text_briefly,
    fit_within,
    heat_limit,
    overlay,
    own_limit,
    scale_limits,
    smooth,
)
from nero_core.types import ChannelReferences, ConceptDepth

SIDE = 448  # pixels of the large panel
SMALL = 224  # of the channels that feed it
OPACITY = 0.75
LEGEND = "relevance per pixel of the channel; green adds, purple takes away"


Limits = tuple[float, tuple[float, ...]]  # of the scale, and of each map


def limits_of(depths: Sequence[ConceptDepth]) -> Limits:
    """Colour limits for the conditional heatmaps that are compared."""
    heatmaps = [smooth(depth.concept.heatmap, depth.sigma) for depth in depths]
    return scale_limits(heatmaps, [depth.concept.cancellation for depth in depths])


def upstream_limits(depths: Sequence[ConceptDepth]) -> tuple[float, list[tuple[float, ...]]]:
    """Colour limits for all channels of the stage before: of the scale, and of the maps that feed each channel."""
    heatmaps = [smooth(heatmap, depth.sigma) for depth in depths for heatmap in depth.upstream.heatmaps]
    shared, limits = scale_limits(
        heatmaps, [cancellation for depth in depths for cancellation in depth.upstream.cancellation]
    )
    left = iter(limits)
    return shared, [tuple(next(left) for _ in depth.upstream.channels) for depth in depths]


def legend(limit: float) -> str:
    """The colours, narrow enough to stand below the panels."""
    bar = marks.legend("signed", limit, LEGEND)
    return f'<div class="nero-below">{bar}</div>'


def cropped(pixels: NDArray[np.uint8], depth: ConceptDepth) -> NDArray[np.uint8]:
    """The part of the picture where the channel's relevance lies."""
    top, left, bottom, right = depth.crop
    tall, wide = (size / cells for size, cells in zip(pixels.shape[:2], depth.concept.heatmap.shape, strict=True))
    rows = slice(int(top * tall), max(int(top * tall) + 1, round(bottom * tall)))
    columns = slice(int(left * wide), max(int(left * wide) + 1, round(right * wide)))
    return pixels[rows, columns]


def in_image(model_key: str, item: Source, depth: ConceptDepth, limit: float) -> str:
    """The conditional heatmap on the image, and the receptive-field crop."""
    return _in_image(model_key, item.id, depth.concept.channel, round(limit, 12), item, depth)


def upstream_panels(model_key: str, item: Source, depth: ConceptDepth, limits: tuple[float, ...], shared: float) -> str:
    """The channels of the stage before, each on the image."""
    return _upstream_panels(model_key, item.id, depth.concept.channel, limits, shared, item, depth)


def upstream_captions(depth: ConceptDepth, limits: tuple[float, ...], shared: float) -> list[str]:
    """What is said of each map of the stage before: ``passes on 0.0210; keeps 0.97``."""
    upstream = depth.upstream
    told = zip(upstream.relevance, upstream.conservation, upstream.cancellation, limits, strict=True)
    return [
        f"passes on {words.number(relevance)}; {conservation_text_briefly(share, cancels, own_limit(limit, shared))}"
        for relevance, share, cancels, limit in told
    ]


def references(inspector: Inspector, shown: ChannelReferences) -> str:
    """Each reference image, and where the channel lies in it."""
    return _references(resources.key(inspector), shown.channel, shown.by, inspector, shown)


@st.cache_data(max_entries=32, ttl=resources.HOUR, show_spinner=False)
def _in_image(model_key: str, image_id: str, channel: int, limit: float, _item: Source, _depth: ConceptDepth) -> str:
    pixels = resources.picture(_item)
    shown = overlay(pixels, smooth(_depth.concept.heatmap, _depth.sigma), OPACITY, limit)
    panel = marks.picture(fit_within(shown, SIDE), f"Channel {channel} on the image")
    used = fit_within(cropped(pixels, _depth), SIDE)
    crop = marks.picture(used, f"The part of the image that channel {channel} uses")
    return (
        f'<div class="nero-depth"><figure>{panel}<figcaption>conditional heatmap</figcaption></figure>'
        f"<figure>{crop}<figcaption>receptive-field crop</figcaption></figure></div>"
    )


@st.cache_data(max_entries=32, ttl=resources.HOUR, show_spinner=False)
def _upstream_panels(
    model_key: str,
    image_id: str,
    channel: int,
    limits: tuple[float, ...],
    shared: float,
    _item: Source,
    _depth: ConceptDepth,
) -> str:
    pixels, upstream = fit_within(resources.picture(_item), SMALL), _depth.upstream
    figures = []
    keeps = upstream_captions(_depth, limits, shared)
    for below, heatmap, limit, text in zip(upstream.channels, upstream.heatmaps, limits, keeps, strict=True):
        traced = overlay(pixels, smooth(heatmap, _depth.sigma), OPACITY, limit)
        panel = marks.picture(traced, f"Channel {below} of {upstream.stage}")
        says = f"{escape(upstream.stage)} · {below}<br>{text}"
        figures.append(f"<figure>{panel}<figcaption>{says}</figcaption></figure>")
    return f'<div class="nero-references nero-strip wide">{"".join(figures)}</div>'


@st.cache_data(max_entries=128, ttl=resources.HOUR, show_spinner=False)
def _references(model_key: str, channel: int, by: str, _inspector: Inspector, _held: ChannelReferences) -> str:
    figures = []
    unit = "relevance" if by == "relevance" else "activation"
    conserved, cancels = _held.conservation, _held.cancellation
    for place, (reference_id, value) in enumerate(zip(_held.ids, _held.values, strict=True)):
        name = _inspector.reference_class(reference_id)
        says = f"{escape(name)}<br>{unit} {words.number(value)}"
        try:
            data = _inspector.thumbnail(reference_id)
            shown = marks.thumbnail(data, f"Reference image of {name}, {unit} {words.number(value)}")
            if _held.heatmaps is not None:
                pixels = decode_image(data, name=name).pixels
                heatmap = np.asarray(_held.heatmaps[place])
                traced = overlay(pixels, heatmap, OPACITY, heat_limit(heatmap))
                says += f"<br>{conservation_text_briefly(conserved[place], cancels[place])}"
                shown += marks.picture(traced, f"Channel {channel} on this reference image of {name}")
        except NeroError:  # missing or altered: one picture less, and all others still there
            shown = '<span class="nero-missing">no picture</span>'
        figures.append(f"<figure>{shown}<figcaption>{says}</figcaption></figure>")
    return f'<div class="nero-references nero-strip">{"".join(figures)}</div>'
