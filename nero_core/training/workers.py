"""Processes that read images while the classifier learns: how many there are, and what is said when one dies."""

import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nero_core.errors import NeroError
from nero_core.training.pixels import Pixels, free_shared_memory

# A fork of a process with threads, as PyTorch and CUDA have them, may hang. On Linux a small process that imports what
# is needed once is forked instead.
START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
NEEDED = ["nero_core.training.pixels"]
MOST = 8  # more seldom help
FEW = 256  # images that are read sooner than a process has started
AHEAD = 2  # batches that each process has ready


def start_method() -> str:
    """How ``multiprocessing`` starts a process that reads."""
    if START_METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(NEEDED)
    return START_METHOD


def worker_count(
    wanted: int | None, pixels: Pixels, batch_size: int, device: torch.device, augment: str, is_once: bool = False
) -> int:
    """How many processes read: none where there is little to do beside the classifier.

    Args:
        wanted: so many, as far as there are cores; None to choose.
        pixels: what is read.
        batch_size: images a batch.
        device: where the classifier learns. On the CPU it takes the cores itself, and a quarter of them reads.
        augment: a key of ``AUGMENTATIONS``.
        is_once: each image is read once, and not kept.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_kept = not is_once and pixels.can_be_kept(shared=False)
    if wanted == 0 or (is_kept and augment == "none"):
        return 0
    if wanted is not None:
        return min(wanted, cores)
    if len(pixels) < FEW:
        return 0
    chosen = cores if device.type != "cpu" else cores // 4 if is_kept else max(2, cores // 4)
    room = free_shared_memory() / 2 / ((AHEAD + 1) * batch_size * pixels.image_bytes)
    return int(min(chosen, cores, MOST, room))


def end_with_parent(worker: int) -> None:
    """Let a process that reads end at once when the one that learns is killed; PyTorch watches the fork server."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)  # an exit with cleaning up would wait for what nobody reads

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def words_for_a_dead_worker() -> Iterator[None]:
    """Say what to do when a process that reads has ended by itself.

    Raises:
        NeroError: one has.
    """
    try:
        yield
    except (RuntimeError, ConnectionError, EOFError) as error:  # the last two where it dies while it hands a batch over
        if isinstance(error, RuntimeError) and "DataLoader worker (pid" not in str(error):
            raise
        traceback.clear_frames(error.__traceback__)  # which hold the loader: it would go on watching the dead one
        raise NeroError(
            "Expected the processes that read images to live as long as training. Found that one has ended, most "
            "often for want of memory. Give the same command with --workers 0; no complete epoch is lost."
        ) from error
