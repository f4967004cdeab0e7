"""``nero import-checkpoint``."""

from pathlib import Path
from typing import Annotated

import typer

from nero_core.cli.options import listed
from nero_core.cli.terminal import printable
from nero_core.errors import NeroError

MAX_NAMES_BYTES = 16 * 2**20  # of a file of class names
UNSURE = (
    "Warning: no {missing}, so timm's for {arch}: mean {mean}, deviation {std}. If the weights were trained on "
    "ImageNet's, as those of torchvision are, give --mean {imagenet_mean} --std {imagenet_std}: the wrong ones spoil "
    "every score."
)
WARNING = (
    "Warning: --unsafe-pickle runs whatever code {file} names, with your rights. Go on only with a file whose maker "
    "you trust."
)


def import_checkpoint(
    file: Annotated[Path, typer.Argument(help="Weights: .safetensors, or .pth and .pt with nothing but tensors.")],
    arch: Annotated[str, typer.Option(help="The timm architecture of the weights.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    classes: Annotated[
        list[str] | None,
        typer.Option(help="Class names in the order of the head: separated by commas, or the option repeated."),
    ] = None,
    classes_file: Annotated[Path | None, typer.Option(help="Or a text file of them, one name a line.")] = None,
    size: Annotated[
        int | None, typer.Option(help="Height and width of the input, in pixels; 224 where the network lets choose.")
    ] = None,
    mean: Annotated[
        tuple[float, float, float] | None, typer.Option(help="RGB mean of the training's normalisation; else timm's.")
    ] = None,
    std: Annotated[
        tuple[float, float, float] | None, typer.Option(help="RGB deviation of the training's; else timm's.")
    ] = None,
    by_order: Annotated[
        bool, typer.Option("--by-order", help="Match tensors by their place in the file, whatever their names.")
    ] = False,
    unsafe_pickle: Annotated[
        bool, typer.Option("--unsafe-pickle", help="Open a pickled module. Runs code from the file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the checkpoint in --out.")] = False,
) -> None:
    """Make a checkpoint folder of weights of timm, torchvision or a training program."""
    class_names = _class_names(classes, classes_file)
    if unsafe_pickle:
        typer.echo(WARNING.format(file=printable(file.name)), err=True)
    from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD
    from nero_core.models.import_checkpoint import IMPORTED, LEFT_OUT
    from nero_core.models.import_checkpoint import import_checkpoint as run

    card = run(
        file,
        arch,
        class_names,
        out,
        size=size,
        mean=mean,
        std=std,
        unsafe_pickle=unsafe_pickle,
        by_order=by_order,
        overwrite=force,
    )
    given = {"--mean": (mean, card.mean, IMAGENET_MEAN), "--std": (std, card.std, IMAGENET_STD)}
    missing = [option for option, (own, taken, usual) in given.items() if own is None and taken != usual]
    if missing:
        numbers = {"mean": card.mean, "std": card.std, "imagenet_mean": IMAGENET_MEAN, "imagenet_std": IMAGENET_STD}
        words = {name: _numbers(values) for name, values in numbers.items()}
        typer.echo(UNSURE.format(missing=" and no ".join(missing), arch=card.arch, **words), err=True)
    typer.echo(
        f"{card.arch} with {len(card.classes)} classes, {card.input_size[0]}×{card.input_size[1]} pixels, "
        f"mean {_numbers(card.mean)}, deviation {_numbers(card.std)}: {printable(str(out))}"
    )
    left_out = card.training.settings[IMPORTED].get(LEFT_OUT, ())
    if left_out:
        names = ", ".join(left_out[:4]) + (f" and {len(left_out) - 4} more" if len(left_out) > 4 else "")
        typer.echo(f"Left out, since it is no part of {card.arch}: {printable(names)}.")
    typer.echo(
        "Which images it was trained on is unknown, so nero calibrate cannot leave them out: "
        "calibrate on images that were not trained on."
    )


def _class_names(classes: list[str] | None, file: Path | None) -> list[str]:
    given = listed(classes)
    if (given is None) == (file is None):
        actual = "neither" if file is None else "both"
        raise NeroError(f"Expected --classes or --classes-file. Found {actual}. Give one of them.")
    if file is None:
        return given or []
    expected = f"Expected {printable(file.name)} to be a text file of class names, one a line."
    try:
        with file.open("rb") as content:
            data = content.read(MAX_NAMES_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise NeroError(f"{expected} Found: {error.strerror or error}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise NeroError(f"{expected} Found something that is not UTF-8. Save it as UTF-8 text.") from error
    if len(data) > MAX_NAMES_BYTES:
        raise NeroError(f"{expected} Found more than {MAX_NAMES_BYTES} bytes. Name the right file.")
    return [name for line in text.splitlines() if (name := line.strip())]


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
