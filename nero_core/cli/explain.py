"""``nero explain``."""

from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nero_core.atomic import write_bytes, write_text
from nero_core.cli.options import Device, Seed, Tpr, make_folder
from nero_core.cli.progress import progress_bar
from nero_core.cli.terminal import VERDICTS, printable

if TYPE_CHECKING:
    from nero_core.figures.style import Form
    from nero_core.types import BlockConservation, Detection, Explanation

MAX_CONCEPTS = 64  # a map and a row of reference images each


class _Format(StrEnum):  # typer takes no list of literals
    PNG, SVG, PDF = "png", "svg", "pdf"


_FORMS: "dict[_Format, Form]" = {_Format.PNG: "png", _Format.SVG: "svg", _Format.PDF: "pdf"}


def explain(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder, made by nero calibrate.")],
    image: Annotated[Path, typer.Argument(help="One image.")],
    out: Annotated[Path, typer.Option(help="Folder to write the pictures and explanation.json to.")],
    concepts: Annotated[int, typer.Option(min=1, max=MAX_CONCEPTS, help="Channels to show.")] = 8,
    by: Annotated[
        Literal["contribution", "relevance", "share"],
        typer.Option(help="What picks them: contribution to the distance (formerly called share), or relevance."),
    ] = "contribution",
    form: Annotated[
        list[_Format] | None,
        typer.Option("--format", help="Format of the pictures; may be repeated. png where none is given."),
    ] = None,
    dpi: Annotated[int, typer.Option(min=72, max=1200, help="Pixels an inch of the plots as PNG.")] = 300,
    composite: Annotated[
        str | None,
        typer.Option(
            help="How the class heatmap is made; the architecture's own where none is given. LRP composites make the "
            "other heatmaps too."
        ),
    ] = None,
    tpr: Tpr = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Say why one image got its NERO score: overlays, plots, explanation.json, and figure3 with all of it on one sheet.

    Where the architecture has no honest heatmap, the plots and the record are written without overlays.
    """
    import torch

    from nero_core.cli.explain_files import draw_files
    from nero_core.cli.explain_record import explanation_record
    from nero_core.cli.json_lines import json_text
    from nero_core.data.decode import decode_image
    from nero_core.errors import CalibrationError, RelevanceError
    from nero_core.explain.channels import top_channels
    from nero_core.inspector import Inspector
    from nero_core.relevance.composites import COMPOSITES

    torch.manual_seed(seed)
    reason = ""
    forms: tuple[Form, ...] = tuple(dict.fromkeys(_FORMS[name] for name in form or (_Format.PNG,)))
    explanation: Explanation | None = None
    blocks: tuple[BlockConservation, ...] = ()
    deep: Detection | None = None
    with progress_bar() as advance:
        steps = concepts + 5  # image, the heatmaps of class, evidence and concepts, blocks, files
        advance("explaining", 0, steps)
        inspector = Inspector.load(bundle, device)
        picture = decode_image(image)
        observation = inspector.observe(inspector.decode([picture]))
        advance("explaining", 1, steps)
        detection = inspector.detect(observation, ("nero",), tpr)["nero"]
        channels = inspector.channels(observation)
        with suppress(CalibrationError):  # a bundle without stages, or too few images: NERO's shares stand without it
            deep = inspector.detect(observation, ("nero_deep",), tpr)["nero_deep"]
        top_channels(channels, concepts, by)  # raises where there are not so many: no reason to go without heatmaps
        if composite is not None and composite not in COMPOSITES:  # whether or not the architecture has heatmaps
            raise RelevanceError(
                f"Expected a composite among {', '.join(COMPOSITES)}. Found {printable(composite)!r}. Choose one."
            )
        if composite is not None and inspector.composites and composite not in inspector.composites:
            inspector.attributor(composite)  # raises where it does not suit the architecture: no reason either
        try:
            explanation = inspector.explain(
                observation,
                concepts=concepts,
                by=by,
                composite=composite,
                on_progress=lambda done, total: advance("explaining", 1 + done, steps),
            )
        except RelevanceError as error:
            reason = str(error)
        if explanation is not None:
            with suppress(RelevanceError):  # the heatmaps stand without it
                blocks = inspector.blocks(observation, composite=explanation.concept_composite)
        advance("explaining", steps - 1, steps)
        make_folder(out)
        files = draw_files(inspector, picture, detection, channels, explanation, reason, forms, dpi)
        for name, data in files.items():
            write_bytes(out / name, data)
        record = explanation_record(
            str(image), inspector, picture, detection, channels, explanation, blocks, reason, forms[0], deep
        )
        write_text(out / "explanation.json", json_text(record))
        advance("explaining", steps, steps)
    names = inspector.bundle.card.class_names
    typer.echo(
        f"{printable(picture.name)}: {VERDICTS[detection.verdict(0)]}, score {float(detection.score[0]):.4g} "
        f"against {detection.threshold:.4g}, p {float(detection.p_value[0]):.3g}, "
        f"predicted {printable(names[int(detection.predicted[0])])} ({float(detection.confidence[0]):.1%}): "
        f"{printable(str(out))}"
    )
    if picture.note:
        typer.echo(f"Note: {printable(picture.note)}")
    if reason:
        typer.echo(f"No heatmap: {printable(reason)}")
