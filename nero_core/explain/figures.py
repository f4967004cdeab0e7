"""The plots of ``nero explain`` as matplotlib figures, drawn without a display; the screen has its own in plotly."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from nero_core.data.decode import Limits, decode_image
from nero_core.explain.channels import top_channels
from nero_core.explain.render import heat_limit, overlay, smooth
from nero_core.types import Channels, Explanation, ReferenceScores

if TYPE_CHECKING:  # matplotlib takes half a second to import and the screen never needs it
    from matplotlib.figure import Figure

# Okabe-Ito, safe for colour-blind eyes; the same as on the screen (dashboard/theme.py).
ID, OOD, HERE, CENTROID = "#0072B2", "#D55E00", "#111111", "#8C8C8C"
THUMBNAIL_LIMITS = Limits(max_bytes=256_000, max_pixels=1_000_000, min_side=1)  # a bundle may be a stranger's


def figure_png(figure: "Figure", dpi: int = 150) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def channel_figure(channels: Channels, class_names: Sequence[str], top: int = 40) -> "Figure":
    """Relevance of the ``top`` channels by share of the distance, this image against its nearest class centroid.

    The order is that of the concepts: signed share, largest first.
    """
    neurons = len(channels.share)
    order = list(top_channels(channels, min(top, neurons), "share"))
    figure, axes = _axes(9.0, 3.6)
    places = np.arange(len(order))
    nearest = class_names[channels.nearest]
    axes.bar(places, np.asarray(channels.relevance)[order], color=HERE, width=0.7, label="this image")
    axes.scatter(
        places,
        np.asarray(channels.centroid)[order],
        marker="_",
        s=90,
        linewidths=2.2,
        color=CENTROID,
        zorder=3,
        label=f"mean of {_plain(nearest)} (nearest class)",
    )
    axes.axhline(0, color=CENTROID, linewidth=0.6)
    axes.set_xticks(places, [str(channel) for channel in order], rotation=90, fontsize=7)
    axes.set_xlabel(f"feature channel, the {len(order)} of {neurons} that share most in the distance, largest first")
    axes.set_ylabel("relevance (share of\nclass probability)")
    axes.legend(frameon=False, fontsize=8)
    return figure


def histogram_figure(reference: ReferenceScores, score: float, bins: int = 40) -> "Figure":
    """Calibration (ID) and OOD bank scores, the threshold, and this image."""
    groups = [("calibration images (ID)", np.asarray(reference.calibration), ID, "")]
    if reference.ood is not None and len(reference.ood):
        groups.append(("OOD bank", np.asarray(reference.ood), OOD, "////"))
    known = np.concatenate([values for _, values, _, _ in groups])
    low = min(float(known.min()), score)
    high = max(float(np.quantile(known, 0.99)), reference.threshold * 1.1, min(score, float(known.max())))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    figure, axes = _axes(7.0, 3.4)
    for label, values, colour, hatch in groups:
        heights, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(
            100 * heights / len(values),
            edges,
            fill=True,
            alpha=0.55,
            facecolor=colour,
            edgecolor=colour,
            hatch=hatch,
            label=f"{label}, {len(values)}",
        )
    axes.axvline(
        reference.threshold, color=HERE, linestyle="--", linewidth=1, label=f"threshold {reference.threshold:.3g}"
    )
    beyond = score > edges[-1]
    axes.axvline(
        min(score, edges[-1]),
        color=HERE,
        linewidth=2,
        label=f"this image {score:.3g}{' (off the scale)' if beyond else ''}",
    )
    axes.set_xlabel(f"{reference.detector} score (higher = more unlike the reference images)")
    axes.set_ylabel("share of images (%)")
    axes.legend(frameon=False, fontsize=8)
    return figure


def concepts_figure(
    pixels: UInt8[np.ndarray, "height width 3"],
    explanation: Explanation,
    references: Sequence[Sequence[bytes]] = (),
    reference_names: Sequence[Sequence[str]] = (),
    opacity: float = 0.75,
) -> "Figure":
    """One row a concept: its conditional heatmap on the image, all at one colour limit, then its reference images.

    Args:
        pixels: the picture.
        explanation: what ``Inspector.explain`` answered.
        references: encoded thumbnails, for each concept.
        reference_names: their classes, for each concept.
        opacity: of the maps.
    """
    concepts = explanation.concepts
    columns = 1 + max((len(row) for row in references), default=0)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * columns + 0.6, 2.1 * max(len(concepts), 1)), layout="constrained")
    if not concepts:
        return figure
    panels = figure.subplots(len(concepts), columns, squeeze=False)
    heatmaps = [smooth(concept.heatmap) for concept in concepts]
    limit = heat_limit(*heatmaps)
    for row, (concept, heatmap) in enumerate(zip(concepts, heatmaps, strict=True)):
        for panel in panels[row]:
            panel.set_axis_off()
        panels[row, 0].imshow(overlay(pixels, heatmap, opacity, limit))
        use = "over-used" if concept.over_used else "under-used"
        panels[row, 0].set_title(
            f"{concept.channel} {use}: {concept.relevance:.3g} vs {concept.centroid:.3g}", fontsize=7
        )
        for column, data in enumerate(references[row] if row < len(references) else ()):
            thumbnail = decode_image(data, "reference image", THUMBNAIL_LIMITS)
            panels[row, column + 1].imshow(thumbnail.pixels)
            if row < len(reference_names):
                panels[row, column + 1].set_title(_plain(reference_names[row][column]), fontsize=7)
    return figure


def _plain(name: str) -> str:
    """A name for matplotlib, which would read ``$…$`` as a formula."""
    return name.replace("$", r"\$")


def _axes(width: float, height: float) -> tuple["Figure", Any]:
    """One pair of axes without the box."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
