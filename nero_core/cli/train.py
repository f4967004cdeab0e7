"""``nero train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nero_core.cli.left_out import tell_left_out
from nero_core.cli.options import Classes, Device, Seed, listed
from nero_core.cli.progress import Advance, ProgressFile, progress_bar

if TYPE_CHECKING:
    from nero_core.models import TrainingFacts
    from nero_core.training import TrainingStep


def train(
    data: Annotated[Path, typer.Argument(help="Folder with one subfolder of images a class.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    arch: Annotated[str, typer.Option(help="A timm architecture whose head is one linear layer.")] = "resnet18",
    classes: Classes = None,
    epochs: Annotated[int, typer.Option(help="Passes over the training images.")] = 12,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 32,
    lr: Annotated[float | None, typer.Option(help="Rate of Adam; 1e-4 on given weights that learn, else 1e-3.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="cosine or constant; constant on given weights that learn, else cosine.")
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(help="none, light or nero; nero on given weights, light without, none with --freeze-backbone."),
    ] = None,
    size: Annotated[int, typer.Option(help="Height and width of the input, in pixels.")] = 224,
    seed: Seed = 0,
    validation_share: Annotated[float, typer.Option(help="Share of the images held out to measure accuracy.")] = 0.1,
    device: Device = "auto",
    pretrained: Annotated[bool, typer.Option("--pretrained", help="Start from timm's weights (downloads).")] = False,
    weights: Annotated[Path | None, typer.Option(help="Start from this state dict, .safetensors or .pth.")] = None,
    by_order: Annotated[
        bool, typer.Option("--by-order", help="Match the tensors of --weights by their place, whatever their names.")
    ] = False,
    freeze_backbone: Annotated[
        bool, typer.Option("--freeze-backbone", help="Only the head learns; the given weights stay as they are.")
    ] = False,
    early_stop: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a lower validation loss; keep the best epoch's weights."),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Store the weights as float16.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes that read images; 0 for none. As the machine has use for otherwise.")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start over; the run in --out is dropped.")] = False,
    progress: ProgressFile = None,
) -> None:
    """Train a classifier. Killed at any moment, the same command goes on from the last complete epoch."""
    from nero_core.training import train as run

    with progress_bar(file=progress) as advance:
        card = run(
            data,
            out,
            arch=arch,
            classes=listed(classes),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=lr,
            schedule=schedule,
            augment=augment,
            size=size,
            seed=seed,
            validation_share=validation_share,
            device=device,
            pretrained=pretrained,
            weights=weights,
            by_order=by_order,
            freeze_backbone=freeze_backbone,
            early_stop=early_stop,
            half=half,
            workers=workers,
            resume=not restart,
            on_progress=lambda step: _tell(step, advance),
            on_left_out=tell_left_out,
            on_warning=lambda text: typer.echo(f"Warning: {text}", err=True),
        )
    taken = card.training.settings.get("weights_of_epoch", card.training.epochs)
    if taken != epochs:
        typer.echo(f"Stopped after epoch {card.training.epochs}; the weights are those of epoch {taken}.")
    typer.echo(
        f"{card.arch} with {len(card.classes)} classes, trained on {_images(card.training)}, "
        f"validation accuracy {_percent(card.training.validation_accuracy)}: {out}"
    )


def _tell(step: "TrainingStep", advance: Advance) -> None:
    if step.epoch == 0:
        return advance("reading images", step.batch, step.batches)
    advance("training", (step.epoch - 1) * step.batches + step.batch, step.epochs * step.batches)
    if step.metrics is not None:
        metrics = step.metrics
        typer.echo(
            f"epoch {metrics.epoch}/{step.epochs}: loss {metrics.loss:.4f}, "
            f"training {_percent(metrics.train_accuracy)}, "
            f"validation {_percent(metrics.validation_accuracy)}, {metrics.seconds:.0f} s"
        )
    return None


def _images(facts: "TrainingFacts") -> str:
    held_out = facts.settings.get("validation_images")  # cards of version 0.1.0 do not have it
    return f"{facts.images} images" + ("" if held_out is None else f" (of which {held_out} for validation)")


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.1%}"
