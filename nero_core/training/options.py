"""Options of a run that make no sense are refused before anything is read."""

import math
from pathlib import Path

from nero_core.errors import NeroError
from nero_core.training.recipe import AUGMENTATIONS, SCHEDULES


def check_options(
    epochs: int,
    batch_size: int,
    rate: float,
    schedule: str,
    augment: str,
    size: int,
    seed: int,
    validation_share: float,
    early_stop: int | None,
    workers: int | None,
) -> None:
    """See that each option is in its range.

    Raises:
        NeroError: one is not; the message names it.
    """
    rules = (
        ("epochs", epochs, epochs >= 1, "1 or more"),
        ("batch-size", batch_size, batch_size >= 2, "2 or more, which batch norm needs"),
        ("lr", rate, 0 < rate < math.inf, "a positive number"),
        ("schedule", schedule, schedule in SCHEDULES, " or ".join(SCHEDULES)),
        ("augment", augment, augment in AUGMENTATIONS, " or ".join(AUGMENTATIONS)),
        ("size", size, 16 <= size <= 4096, "16 to 4096 pixels"),
        ("seed", seed, 0 <= seed < 2**63, "0 to 2^63 - 1"),
        ("validation-share", validation_share, 0 <= validation_share < 1, "0 or more, and below 1"),
        ("early-stop", early_stop, early_stop is None or early_stop >= 1, "1 epoch or more"),
        ("validation-share", validation_share, early_stop is None or validation_share > 0, "above 0 for --early-stop"),
        ("workers", workers, workers is None or workers >= 0, "0 or more"),
    )
    for name, value, holds, expected in rules:
        if not holds:
            raise NeroError(f"Expected --{name} to be {expected}. Found {value!r}. Give another value.")


def check_start(pretrained: bool, weights: Path | None, by_order: bool, freeze_backbone: bool) -> None:
    """See that the options on the starting weights go together.

    Raises:
        NeroError: they do not.
    """
    if by_order and weights is None:
        raise NeroError(
            "Expected --weights with --by-order. Found none. Name the file whose tensors to match by order."
        )
    if freeze_backbone and not (pretrained or weights):
        raise NeroError(
            "Expected starting weights with --freeze-backbone. Found none, so that the backbone would stay random. "
            "Give --weights FILE or --pretrained."
        )
