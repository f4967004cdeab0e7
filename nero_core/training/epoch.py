"""One pass over the training images, with random numbers of its own."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from nero_core.errors import CheckpointError
from nero_core.training.features import Features
from nero_core.training.images import Images
from nero_core.training.learner import Learner
from nero_core.training.progress import TrainingStep
from nero_core.training.recipe import SCHEDULES


def learn_epoch(
    learner: Learner,
    training: Images | Features,
    epoch: int,
    epochs: int,
    rate: float,
    schedule: str,
    augment: str,
) -> Iterator[TrainingStep]:
    """One pass over the training part, in an order and with variations drawn from torch's generator at its start.

    Args:
        learner: it learns.
        training: the images to learn from, or features of them, which ``augment`` must leave alone.
        epoch: which pass this is, from 1.
        epochs: how many passes there are.
        rate: of Adam, before the schedule's factor.
        schedule: a key of ``SCHEDULES``.
        augment: a key of ``AUGMENTATIONS``.

    Yields:
        where training stands after each batch.

    Raises:
        CheckpointError: the loss is no longer finite.
        ImageError: an image cannot be decoded.
    """
    factor = SCHEDULES[schedule]
    order = torch.randperm(len(training)).tolist()
    if len(order) % training.batch_size == 1:  # batch norm cannot learn from one image
        order.pop()
    batches = math.ceil(len(order) / training.batch_size)
    losses, correct, seen = 0.0, 0, 0
    for batch, (inputs, labels) in enumerate(training.batches(order, augment)):
        now = rate * factor((epoch - 1 + batch / batches) / epochs)
        loss, hits = learner.learn(inputs, labels, now)
        if not math.isfinite(loss):
            raise CheckpointError(
                f"Expected a finite loss. Found {loss} in epoch {epoch}, batch {batch + 1}. "
                f"Start over with a lower learning rate (--lr, now {rate:g}; --restart)."
            )
        losses, correct, seen = losses + loss * len(labels), correct + hits, seen + len(labels)
        yield TrainingStep(epoch, epochs, batch + 1, batches, losses / seen, correct / seen)


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Torch's generators seeded from (seed, epoch), and as they were afterwards; epoch 0 draws the initial weights."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(state[0]))
        yield
