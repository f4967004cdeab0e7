"""Options that several commands take."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nero_core.errors import NeroError

Device = Annotated[str, typer.Option(help="auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:0 or mps.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of everything random.")]


def share_from(lowest: float, usual: float) -> Callable[[float | None], float | None]:
    """What refuses all but shares from ``lowest`` to below 1: a range of typer's cannot leave out its end, nor NaN."""

    def check(value: float | None) -> float | None:
        if value is not None and not lowest <= value < 1:
            raise typer.BadParameter(
                f"expected a share from {lowest:g} to below 1; found {value}. The usual one is {usual:g}."
            )
        return value

    return check


check_tpr = share_from(0.5, 0.95)
Tpr = Annotated[
    float | None,
    typer.Option(
        callback=check_tpr, help="Share of ID images that should pass, from 0.5 to below 1; the bundle's own otherwise."
    ),
]

Borderline = Annotated[
    float | None,
    typer.Option(
        callback=share_from(0.0, 0.9),  # that it is at most the tpr is seen where the bundle is known
        help="Share of ID images to call like, at most --tpr; those between are borderline. 2·tpr − 1 otherwise.",
    ),
]
ByClass = Annotated[
    bool, typer.Option("--by-class", help="Compare with the calibration images of the predicted class alone.")
]
Classes = Annotated[
    list[str] | None, typer.Option("--classes", help="Class folders: separated by commas, or the option repeated.")
]


def listed(values: Sequence[str] | None) -> list[str] | None:
    """The names in a repeatable, comma-separated option; None where it was not given."""
    return [name for value in values for name in value.split(",") if name] if values else None


def make_folder(out: Path) -> None:
    """The folder of ``--out``, made where it is missing.

    Raises:
        NeroError: there is a file in its place, or no right to write.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NeroError(
            f"Expected a folder to write to. Found {out}: {error.strerror}. Name another folder."
        ) from error
