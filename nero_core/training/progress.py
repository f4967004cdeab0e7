"""What a run tells while it goes on: its steps, and the figures of its epochs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One line of ``metrics.jsonl``. Accuracies are in [0, 1]; loss and accuracy of training are those met on the way.

    Losses are mean cross-entropies, in nats. Without a validation part its two figures are None.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float | None
    seconds: float
    validation_loss: float | None = None

    def record(self) -> dict[str, Any]:
        """The figures by name; None in the place of one that is not finite, which JSON does not know."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


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


def best_epoch(history: Sequence[EpochMetrics]) -> int:
    """The epoch of the lowest validation loss, the first of equals; a loss that is not finite is the highest."""
    losses = [math.inf if line.validation_loss is None else line.validation_loss for line in history]
    losses = [loss if math.isfinite(loss) else math.inf for loss in losses]
    return history[losses.index(min(losses))].epoch


def is_over(history: Sequence[EpochMetrics], epochs: int, early_stop: int | None) -> bool:
    """Whether a run has all its epochs, or ``early_stop`` of them after the best one."""
    if not history or len(history) >= epochs:
        return len(history) >= epochs
    return early_stop is not None and history[-1].epoch - best_epoch(history) >= early_stop
