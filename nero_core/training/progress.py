"""What a run tells while it goes on: its steps, and the figures of its epochs."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One line of ``metrics.jsonl``. Accuracies are in [0, 1]; that of training is the one met while learning."""

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """Where training stands: loss and accuracy are means over the epoch so far.

    Epoch 0 reads the images. Each epoch ends with one more step, which carries its ``metrics``.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float = math.nan
    accuracy: float = math.nan
    metrics: EpochMetrics | None = None


Progress = Callable[[TrainingStep], None]
