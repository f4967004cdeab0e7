"""``nero explain``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nero_core.cli.options import Device, Seed, Tpr, make_folder
from nero_core.cli.progress import progress_bar
from nero_core.cli.terminal import printable

if TYPE_CHECKING:
    from nero_core.data.decode import Picture
    from nero_core.inspector import Inspector
    from nero_core.types import Channels, Concept, Detection, Explanation

LONGEST_NAME = 60  # characters of a class name that a plot has room for
MAX_CONCEPTS = 64  # a map and a row of reference images each


def explain(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    image: Annotated[Path, typer.Argument(help="One image.")],
    out: Annotated[Path, typer.Option(help="Folder to write the pictures and explanation.json to.")],
    concepts: Annotated[int, typer.Option(min=1, max=MAX_CONCEPTS, help="Channels to show.")] = 8,
    by: Annotated[
        Literal["share", "relevance"], typer.Option(help="What picks them: share of the distance, or relevance.")
    ] = "share",
    tpr: Tpr = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Say why one image got its NERO score: overlays, plots and explanation.json.

    Where the architecture has no honest heatmap, the plots and the record are written without overlays.
    """
    import torch

    from nero_core.cli.explain_record import explanation_record
    from nero_core.cli.json_lines import json_text
    from nero_core.data.decode import decode_image, to_batch
    from nero_core.errors import RelevanceError
    from nero_core.explain.channels import top_channels
    from nero_core.inspector import Inspector

    torch.manual_seed(seed)
    reason = ""
    explanation: Explanation | None = None
    with progress_bar() as advance:
        advance("explaining", 0, 3)
        inspector = Inspector.load(bundle, device)
        picture = decode_image(image)
        batch = to_batch([picture], inspector.bundle.classifier.input_size)
        advance("explaining", 1, 3)
        detection = inspector.detect(batch, ("nero",), tpr)["nero"]
        channels = inspector.channels(batch)
        top_channels(channels, concepts, by)  # raises where there are not so many: no reason to go without heatmaps
        try:
            explanation = inspector.explain(batch, concepts=concepts, by=by)
        except RelevanceError as error:
            reason = str(error)
        advance("explaining", 2, 3)
        make_folder(out)
        files = draw_plots(inspector, detection, channels)
        if explanation is not None:
            files |= draw_overlays(inspector, picture, explanation)
        for name, data in files.items():
            (out / name).write_bytes(data)
        record = explanation_record(str(image), inspector, picture, detection, channels, explanation, reason)
        (out / "explanation.json").write_text(json_text(record), encoding="utf-8")
        advance("explaining", 3, 3)
    names = inspector.bundle.card.class_names
    typer.echo(
        f"{printable(picture.name)}: {'OOD' if detection.is_ood[0] else 'ID'}, score {float(detection.score[0]):.4g} "
        f"against {detection.threshold:.4g}, p {float(detection.p_value[0]):.3g}, "
        f"predicted {printable(names[int(detection.predicted[0])])} ({float(detection.confidence[0]):.1%}): "
        f"{printable(str(out))}"
    )
    if picture.note:
        typer.echo(f"Note: {printable(picture.note)}")
    if reason:
        typer.echo(f"No heatmap: {printable(reason)}")


def draw_plots(inspector: "Inspector", detection: "Detection", channels: "Channels") -> dict[str, bytes]:
    """The pictures that need no heatmap as PNG, by file name."""
    from nero_core.explain.figures import channel_figure, figure_png, histogram_figure

    scores = inspector.reference_scores("nero", detection.tpr)
    figures = {
        "channels.png": channel_figure(channels, _names(inspector)),
        "histogram.png": histogram_figure(scores, float(detection.score[0])),
    }
    return {name: figure_png(figure) for name, figure in figures.items()}


def draw_overlays(inspector: "Inspector", picture: "Picture", explanation: "Explanation") -> dict[str, bytes]:
    """The image and its heatmaps as PNG, by file name; each says what it shows and how much relevance it keeps."""
    from nero_core.cli.explain_record import concept_name
    from nero_core.explain.figures import concepts_figure, figure_png
    from nero_core.explain.render import caption, encode, enlarge, fit_within, heat_limit, overlay, smooth

    names = _names(inspector)
    pixels = enlarge(fit_within(picture.pixels))
    heatmaps = [smooth(concept.heatmap) for concept in explanation.concepts]
    limit = heat_limit(*heatmaps)
    shown = {
        "heatmap.png": (
            overlay(pixels, smooth(explanation.heatmap)),
            f"class heatmap of {names[explanation.explained_class]}, {_kept(explanation.conservation)}",
        ),
        "evidence.png": (
            overlay(pixels, smooth(explanation.evidence), kind="positive"),
            f"evidence: where the distance to {names[explanation.channels.nearest]} comes from, "
            + _kept(explanation.evidence_conservation),
        ),
    }
    for rank, (concept, heatmap) in enumerate(zip(explanation.concepts, heatmaps, strict=True), 1):
        use = "over-used" if concept.over_used else "under-used"
        numbers = f"{concept.relevance:.3g} against {concept.centroid:.3g}"
        shown[concept_name(rank, concept.channel)] = (
            overlay(pixels, heatmap, limit=limit),
            f"channel {concept.channel}, {use}: {numbers}, {_kept(_concept_conservation(concept))}",
        )
    references = [[inspector.thumbnail(one) for one in concept.references] for concept in explanation.concepts]
    classes = [
        [printable(inspector.reference_class(one), LONGEST_NAME) for one in concept.references]
        for concept in explanation.concepts
    ]
    return {
        "image.png": encode(pixels),
        "concepts.png": figure_png(concepts_figure(pixels, explanation, references, classes)),
    } | {name: encode(caption(drawn, text)) for name, (drawn, text) in shown.items()}


def _names(inspector: "Inspector") -> list[str]:
    return [printable(name, LONGEST_NAME) for name in inspector.bundle.card.class_names]


def _concept_conservation(concept: "Concept") -> float:
    return float(concept.heatmap.double().sum()) / concept.relevance if concept.relevance else math.nan


def _kept(conservation: float) -> str:
    return f"keeps {conservation:.2f} of relevance" if math.isfinite(conservation) else "no relevance to keep"
