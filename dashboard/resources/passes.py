"""The forward passes of all sessions: those that are asked for at once go through the network together.

On a GPU up to eight images of several sessions are one pass: most of its time is spent starting operations, for one
image as for eight. Every pass there has the same number of rows, the rest of them black, since a card chooses its
algorithms by the size: so an image has the same score whoever uploads beside it. On a CPU eight images take as long
together as one by one, and one thread that owns the cores made eight users wait two to four times as long: there each
session's own thread makes its pass, so many at once.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from dashboard.work.batch_queue import BatchQueue
from nero_core import Inspector
from nero_core.models import Classifier
from nero_core.types import ImageBatch, Observation

TOGETHER = 8  # images of a pass on a GPU
WAIT = 0.003  # seconds that the first of them waits for others there
MOST = 32  # images that wait for a GPU; who comes then reads that many do, and waits for room
AT_ONCE = 8  # passes on a CPU, each of which needs memory; likewise
_making = threading.Lock()
_copies: WeakKeyDictionary[Classifier, dict[torch.device, Classifier]] = WeakKeyDictionary()


def observed(model: Inspector, batch: ImageBatch) -> Observation:
    """``model.observe``, in one pass with what other sessions ask at the same time; the pixels are not kept."""
    return passes(model.device).ask(model, batch)


def many_wait(model: Inspector) -> bool:
    """Whether an image that comes now waits for room in the queue first."""
    return passes(model.device).is_full


class Passes(Protocol):
    """Where forward passes are asked for."""

    @property
    def is_full(self) -> bool:
        """Whether who asks now waits for room first."""

    def ask(self, model: Inspector, batch: ImageBatch, /) -> Observation:
        """What the pass leaves of the images, without their pixels."""


class OwnThreads:
    """Each caller's thread makes its own pass; who comes when ``at_once`` do waits until one has ended.

    Args:
        at_once: how many.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._changed = threading.Condition()

    @property
    def is_full(self) -> bool:
        """Whether who asks now waits first."""
        return self._free == 0

    def ask(self, model: Inspector, batch: ImageBatch, /) -> Observation:
        """``model.observe`` without the pixels."""
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0)
            self._free -= 1
        try:
            return replace(model.observe(batch), images=None)
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify()


def passes(device: torch.device) -> Passes:
    """The place of a device; of all GPUs where it is any of several."""
    with _making:
        return _passes(device)


@cache
def _passes(device: torch.device) -> Passes:
    if device.type != "cuda":
        return OwnThreads(AT_ONCE)
    devices = alike(device, torch.cuda.device_count())
    return BatchQueue(partial(observe_together, rows=TOGETHER), devices, TOGETHER, WAIT, MOST)


def alike(device: torch.device, count: int) -> tuple[torch.device, ...]:
    """The device, and where it stands for any of several (``cuda``, not ``cuda:1``) all of them, itself first."""
    if count < 2 or device.index is not None:
        return (device,)
    return (device, *(torch.device(device.type, index) for index in range(1, count)))


def observe_together(
    device: torch.device, model: Inspector, batches: Sequence[ImageBatch], rows: int
) -> list[Observation]:
    """What one pass on a device leaves of each batch, without its pixels, on the model's own device.

    Args:
        device: where to compute; another than the model's gets a copy of its classifier, which stays.
        model: of which reference set.
        batches: at least one.
        rows: the pass has a multiple of so many; black images fill it up.
    """
    pixels, classifier = torch.cat([batch.pixels for batch in batches]), _classifier(model, device)
    black = pixels.new_zeros((-len(pixels) % rows, *pixels.shape[1:]))
    try:
        features, stages = classifier.features_and_stages(torch.cat([pixels, black]))
    except torch.OutOfMemoryError:
        if len(batches) > 1:
            raise  # the queue asks again, for each alone
        features, stages = classifier.features_and_stages(pixels)
    found, start = [], 0
    for batch in batches:
        part = slice(start, start := start + len(batch))
        labels = None if batch.labels is None else batch.labels.to(model.device)
        means = {name: _rows(each, part, model.device) for name, each in stages.items()}
        of_batch = _rows(features, part, model.device)
        found.append(
            Observation(of_batch, model.bundle.classifier.head, batch.ids, labels, stages=MappingProxyType(means))
        )
    return found


def _rows(values: Tensor, part: slice, device: torch.device) -> Tensor:
    """A copy: results are kept for long, and must not keep those of others beside them."""
    return values[part].clone().to(device)


def _classifier(model: Inspector, device: torch.device) -> Classifier:
    """The model's own on its own device, else a copy there; each device has one thread, so that none is made twice."""
    plain = model.bundle.classifier
    if device == model.device:
        return plain
    with _making:
        copies = _copies.setdefault(plain, {})
    if device not in copies:
        copies[device] = plain.on(device)
    return copies[device]
