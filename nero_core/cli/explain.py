"""``nero explain``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nero_core.cli.options import Device, Seed, make_folder
from nero_core.cli.progress import progress_bar

if TYPE_CHECKING:
    from nero_core.data.decode import Picture
    from nero_core.inspector import Inspector
    from nero_core.types import Detection, Explanation


def explain(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    image: Annotated[Path, typer.Argument(help="One image.")],
    out: Annotated[Path, typer.Option(help="Folder to write the pictures and explanation.json to.")],
    concepts: Annotated[int, typer.Option(min=1, help="Channels to show.")] = 8,
    by: Annotated[
        Literal["share", "relevance"], typer.Option(help="What picks them: share of the distance, or relevance.")
    ] = "share",
    tpr: Annotated[float | None, typer.Option(help="Share of ID images to accept; the bundle's own otherwise.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Say why one image got its NERO score: overlays, plots and explanation.json."""
    import torch

    from nero_core.cli.explain_record import explanation_record
    from nero_core.cli.json_lines import json_text
    from nero_core.data.decode import decode_image, to_batch
    from nero_core.inspector import Inspector

    torch.manual_seed(seed)
    with progress_bar() as advance:
        advance("explaining", 0, 3)
        inspector = Inspector.load(bundle, device)
        picture = decode_image(image)
        batch = to_batch([picture], inspector.bundle.classifier.input_size)
        advance("explaining", 1, 3)
        detection = inspector.detect(batch, ("nero",), tpr)["nero"]
        explanation = inspector.explain(batch, concepts=concepts, by=by)
        advance("explaining", 2, 3)
        make_folder(out)
        for name, data in draw(inspector, picture, detection, explanation).items():
            (out / name).write_bytes(data)
        record = explanation_record(str(image), inspector, detection, explanation)
        (out / "explanation.json").write_text(json_text(record), encoding="utf-8")
        advance("explaining", 3, 3)
    names = inspector.bundle.card.class_names
    typer.echo(
        f"{picture.name}: {'OOD' if detection.is_ood[0] else 'ID'}, score {float(detection.score[0]):.4g} against "
        f"{detection.threshold:.4g}, p {float(detection.p_value[0]):.3g}, "
        f"predicted {names[int(detection.predicted[0])]} ({float(detection.confidence[0]):.1%}): {out}"
    )


def concept_name(rank: int, channel: int) -> str:
    """The file of a concept's overlay; ranks count from 1."""
    return f"concept-{rank}-channel-{channel}.png"


def draw(
    inspector: "Inspector", picture: "Picture", detection: "Detection", explanation: "Explanation"
) -> dict[str, bytes]:
    """Every picture of an explanation as PNG, by file name."""
    from nero_core.explain.render import (
        channel_figure,
        concepts_figure,
        encode,
        enlarge,
        figure_png,
        fit_within,
        heat_limit,
        histogram_figure,
        overlay,
    )

    pixels = enlarge(fit_within(picture.pixels))
    limit = heat_limit(*(concept.heatmap for concept in explanation.concepts))
    files = {
        "image.png": encode(pixels),
        "heatmap.png": encode(overlay(pixels, explanation.heatmap)),
        "evidence.png": encode(overlay(pixels, explanation.evidence, kind="positive")),
    }
    for rank, concept in enumerate(explanation.concepts, 1):
        files[concept_name(rank, concept.channel)] = encode(overlay(pixels, concept.heatmap, limit=limit))
    references = [[inspector.thumbnail(one) for one in concept.references] for concept in explanation.concepts]
    classes = [[inspector.reference_class(one) for one in concept.references] for concept in explanation.concepts]
    reference_scores = inspector.reference_scores("nero", detection.tpr)
    figures = {
        "concepts.png": concepts_figure(pixels, explanation, references, classes),
        "channels.png": channel_figure(explanation.channels, inspector.bundle.card.class_names),
        "histogram.png": histogram_figure(reference_scores, float(detection.score[0])),
    }
    return files | {name: figure_png(figure) for name, figure in figures.items()}
