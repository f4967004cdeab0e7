"""Small pieces of HTML: pictures with alternative text, scales and bars. What comes from outside is escaped here."""

from collections.abc import Iterable
from html import escape
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from dashboard import words
from nero_core import Inspector
from nero_core.errors import BundleError
from nero_core.figures import Kind, colour_bar, data_uri


def picture(pixels: NDArray[np.uint8], alt: str, form: str = "webp", pixelated: bool = False) -> str:
    """An ``<img>`` that carries its own data; ``pixelated`` ones keep hard pixels however large they are shown."""
    uri = data_uri(pixels, "png" if form == "png" else "webp")
    size = f'width="{pixels.shape[1]}" height="{pixels.shape[0]}"'
    return f'<img src="{uri}" alt="{escape(alt)}" {size}{" class=pixelated" if pixelated else ""}>'


def thumbnail(webp: bytes, alt: str) -> str:
    """An ``<img>`` of a WebP file."""
    return f'<img src="{data_uri(webp, "webp")}" alt="{escape(alt)}">'


def reference_picture(inspector: Inspector, reference_id: str, alt: str) -> str:
    """The picture of a reference image. One that is missing or altered is a box: one picture less, the rest stands."""
    try:
        return thumbnail(inspector.thumbnail(reference_id), alt)
    except BundleError:
        return '<span class="nero-missing">no picture</span>'


def reference(inspector: Inspector, reference_id: str, relevance: float) -> str:
    """A reference image of a channel, with its class below."""
    name = inspector.reference_class(reference_id)
    alt = f"Reference image of {name}, relevance {words.number(relevance)}"
    shown = reference_picture(inspector, reference_id, alt)
    return f'<figure title="{escape(alt)}">{shown}<figcaption>{escape(name)}</figcaption></figure>'


def legend(kind: Kind, limit: float, unit: str) -> str:
    """The colours of a map, with the values at their ends."""
    low = f"−{words.number(limit)}" if kind == "signed" else "0"
    bar = data_uri(colour_bar(kind))
    return (
        f'<div class="nero-legend"><span>{low}</span>'
        f'<img src="{bar}" alt="Colours from {low} to {words.number(limit)}"><span>{words.number(limit)}</span>'
        f'<span class="unit">{escape(unit)}</span></div>'
    )


def score_scale(score: float, threshold: float, domain: tuple[float, float]) -> str:
    """A line from the lowest to the highest score, cut at the threshold, with a dot for this image."""
    low, high = domain
    cut, here = (100 * min(max((value - low) / (high - low), 0.0), 1.0) for value in (threshold, score))
    limit = f"threshold {words.number(threshold)}" if isfinite(threshold) else "no threshold"
    label = f"Score {words.number(score)} on a scale with {limit}"
    beyond = " →" if score > high else ""
    return (
        f'<div class="nero-scale" role="img" aria-label="{label}">'
        f'<div class="track"><i style="width:{cut:.1f}%"></i></div>'
        f'<div class="threshold" style="left:{cut:.1f}%"></div><div class="here" style="left:{here:.1f}%"></div>'
        f'<span class="above" style="{_anchored(here)}"><b>this image {words.number(score)}{beyond}</b></span>'
        f'<span class="below" style="{_anchored(cut)}">{limit}</span></div>'
    )


def bars(rows: Iterable[tuple[str, float, str, bool]], css: str = "nero-terms", largest: float | None = None) -> str:
    """Named bars of one scale with a common zero: (name, value, value in words, grey or not)."""
    listed = list(rows)
    limit = largest or max((abs(value) for _, value, _, _ in listed), default=0.0) or 1.0
    zero, full = (50.0, 50.0) if any(value < 0 for _, value, _, _ in listed) else (0.0, 100.0)
    cells = ""
    for name, value, shown, is_grey in listed:
        width = full * min(1.0, abs(value) / limit)
        left = zero if value >= 0 else zero - width
        cells += (
            f'<span>{escape(name)}</span><div class="nero-bar" style="--zero:{zero:.0f}%">'
            f'<i{" class=grey" if is_grey else ""} style="left:{left:.1f}%;width:{width:.1f}%"></i></div>'
            f"<span>{escape(shown)}</span>"
        )
    return f'<div class="{css}">{cells}</div>'


def facts(rows: Iterable[tuple[str, str, bool]]) -> str:
    """A list of names and values: (name, value, dimmed or not)."""
    cells = "".join(
        f"<dt>{escape(name)}</dt><dd{' class=dimmed' if is_dimmed else ''}>{escape(value)}</dd>"
        for name, value, is_dimmed in rows
    )
    return f'<dl class="nero-facts">{cells}</dl>'


def _anchored(percent: float) -> str:
    """Where a label stands so that it does not leave the scale."""
    shift = -50 if 15 < percent < 85 else (0 if percent <= 15 else -100)
    return f"left:{percent:.1f}%; transform:translateX({shift}%)"
