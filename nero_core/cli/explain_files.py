"""The pictures and plots that ``nero explain`` writes, by file name."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from nero_core.cli.explain_record import concept_name
from nero_core.cli.terminal import printable
from nero_core.explorer import Explorer
from nero_core.figures.numbers import number
from nero_core.figures.origin import origin_line, with_origin
from nero_core.figures.panels import (
    colours_say,
    concepts_figure,
    evidence_figure,
    heatmap_figure,
    image_figure,
    no_evidence,
    unlike_figure,
)
from nero_core.figures.plots import channel_figure, histogram_figure
from nero_core.figures.references import reference_pictures
from nero_core.figures.render import (
    caption,
    concept_maps,
    encode,
    enlarge,
    evidence_as_shown,
    fit_within,
    overlay,
    smooth,
)
from nero_core.figures.sheet import figure_sheet
from nero_core.figures.style import Form, figure_bytes
from nero_core.figures.wording import (
    SYNTHETIC,
    UNLIKE,
    channel_use,
    conservation_text,
    heatmap_text,
    here_and_usual,
    own_limit,
    unlike_text,
)
from nero_core.types import Channels, Detection, Explanation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nero_core.data.decode import Picture
    from nero_core.inspector import Inspector

LONGEST_NAME = 60  # characters of a class name in a caption


def draw_files(
    inspector: "Inspector",
    picture: "Picture",
    detection: Detection,
    channels: Channels,
    explanation: Explanation | None,
    reason: str,
    forms: Sequence[Form],
    dpi: int,
) -> dict[str, bytes]:
    """Every file in every form: plots and the sheet always, image and heatmaps where there is an explanation.

    A picture alone is kept pixel for pixel as PNG, with a caption; as SVG and PDF it is a figure.
    """
    names, pixels = inspector.bundle.card.class_names, enlarge(fit_within(picture.pixels))
    scores, origin = inspector.reference_scores("nero", detection.tpr), (picture.id, inspector.bundle.card.title)
    concepts = () if explanation is None else explanation.concepts
    thumbnails, classes = reference_pictures(concepts, inspector.thumbnail, inspector.reference_class)
    figures: dict[str, Callable[[], Figure]] = {
        "channels": lambda: channel_figure(channels, names),
        "histogram": lambda: histogram_figure(scores, float(detection.score[0])),
        "figure3": lambda: figure_sheet(
            pixels, channels, Explorer(inspector).mean_relevance(), names, explanation, thumbnails, classes, detection,
            reason, note=SYNTHETIC if inspector.bundle.card.synthetic else "",
        ),
    }  # fmt: skip
    files: dict[str, bytes] = {}
    if explanation is not None:
        figures["concepts"] = lambda: concepts_figure(pixels, explanation, thumbnails, classes)
        if "png" in forms:
            files |= draw_overlays(inspector, pixels, explanation)
        if set(forms) - {"png"}:
            pictures = _picture_figures(pixels, explanation, names, thumbnails, classes)
            files |= _saved(pictures, [form for form in forms if form != "png"], dpi, origin)
    return files | _saved(figures, forms, dpi, origin)


def draw_overlays(
    inspector: "Inspector", pixels: UInt8[np.ndarray, "height width 3"], explanation: Explanation
) -> dict[str, bytes]:
    """The image and its heatmaps as PNG, by file name; each says what it shows and how much relevance it keeps."""
    names = [printable(name, LONGEST_NAME) for name in inspector.bundle.card.class_names]
    heatmaps, scale, limits = concept_maps(explanation.concepts, explanation.sigma)
    unlike = explanation.unlike
    evidence, kind = evidence_as_shown(explanation.nero_evidence, explanation.sigma)
    says = (
        colours_say(kind) + conservation_text(explanation.evidence_conservation, explanation.evidence_cancellation)
        if evidence.any()
        else no_evidence(explanation)
    )
    shown = {
        "heatmap.png": (
            overlay(pixels, smooth(explanation.heatmap, explanation.sigma)),
            f"class heatmap of {names[explanation.explained_class]}, {heatmap_text(explanation)}",
        ),
        "evidence.png": (
            (
                overlay(pixels, evidence, kind=kind),
                f"evidence: where the distance to {names[explanation.channels.nearest]} comes from, {says}",
            )
            if unlike is None
            else (
                overlay(pixels, smooth(unlike.heatmap, unlike.sigma), limit=unlike.limit, kind="positive"),
                f"{UNLIKE[0].lower()}{UNLIKE[1:]}: {unlike_text(unlike)}, colours to {number(unlike.limit)}",
            )
        ),
    }
    for rank, (concept, heatmap, limit) in enumerate(zip(explanation.concepts, heatmaps, limits, strict=True), 1):
        use = channel_use(concept.relevance, concept.centroid)
        numbers = here_and_usual(concept.relevance, concept.centroid)
        shown[concept_name(rank, concept.channel)] = (
            overlay(pixels, heatmap, limit=limit),
            f"channel {concept.channel}, {use}: {numbers}, "
            + conservation_text(concept.conservation, concept.cancellation, own=own_limit(limit, scale)),
        )
    origin = origin_line(explanation.id, printable(inspector.bundle.card.title, LONGEST_NAME))
    return {"image.png": encode(pixels)} | {
        name: encode(caption(drawn, f"{text}; {origin}")) for name, (drawn, text) in shown.items()
    }


def _picture_figures(
    pixels: UInt8[np.ndarray, "height width 3"],
    explanation: Explanation,
    names: Sequence[str],
    thumbnails: list[list[bytes | None]],
    classes: list[list[str]],
) -> dict[str, Callable[[], "Figure"]]:
    _, _, limits = concept_maps(explanation.concepts, explanation.sigma)
    figures: dict[str, Callable[[], Figure]] = {
        "image": lambda: image_figure(pixels),
        "heatmap": lambda: heatmap_figure(pixels, explanation, names),
        "evidence": lambda: (
            evidence_figure(pixels, explanation, names)
            if explanation.unlike is None
            else unlike_figure(pixels, explanation.unlike)
        ),
    }
    for row, concept in enumerate(explanation.concepts):
        alone = replace(explanation, concepts=(concept,))
        name = concept_name(row + 1, concept.channel).removesuffix(".png")

        def draw(alone: Explanation = alone, row: int = row) -> "Figure":
            return concepts_figure(pixels, alone, thumbnails[row : row + 1], classes[row : row + 1], limit=limits[row])

        figures[name] = draw
    return figures


def _saved(
    figures: "dict[str, Callable[[], Figure]]", forms: Sequence[Form], dpi: int, origin: tuple[str, str]
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name, make in figures.items():
        figure = with_origin(make(), *origin)
        files |= {f"{name}.{form}": figure_bytes(figure, form, dpi) for form in forms}
    return files
