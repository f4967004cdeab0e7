"""Pixels of a dataset: what the processes that read hold, so it imports little."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import Dataset

from nero_core.data.folders import ImageFolder, decode_resized, iterate_batches
from nero_core.errors import ImageError
from nero_core.training.recipe import AUGMENTATIONS
from nero_core.training.variation import Variation, one_thread, vary

KEPT_BYTES = 2 * 2**30  # above this, images are decoded again for each batch
SHARED_MEMORY = Path("/dev/shm")  # of Linux; a container may have only 64 MB of it

Wanted = tuple[str, Sequence[tuple[int, Variation]]]  # a key of AUGMENTATIONS; indices with what was drawn for them


class Pixels(Dataset[Tensor | ImageError]):
    """The pixels of a dataset at the classifier's size, decoded once where they fit in memory, else when wanted."""

    def __init__(self, folder: ImageFolder, size: tuple[int, int]) -> None:
        self.folder, self.size = folder, size
        self.kept: UInt8[Tensor, "images 3 height width"] | None = None

    @property
    def image_bytes(self) -> int:
        """Size of one image."""
        return 3 * self.size[0] * self.size[1]

    def can_be_kept(self, shared: bool) -> bool:
        """Whether all fit in memory; ``shared``: in memory that several processes see."""
        size = len(self) * self.image_bytes
        return size <= KEPT_BYTES and (not shared or size <= free_shared_memory() / 2)

    def keep(self, batch_size: int, shared: bool, threads: int = 2) -> Iterator[int]:
        """Decode all; yields the number of each batch.

        Raises:
            ImageError: an image cannot be decoded.
        """
        kept = torch.empty((len(self), 3, *self.size), dtype=torch.uint8)
        self.kept = kept.share_memory_() if shared else kept
        done = 0
        for batch in iterate_batches(self.folder, self.size, batch_size, threads):
            self.kept[done : done + len(batch.pixels)] = (batch.pixels * 255).round().byte()
            done += len(batch.pixels)
            yield len(batch.pixels)

    def __getitem__(self, wanted: Wanted) -> UInt8[Tensor, "batch 3 height width"] | ImageError:
        """A batch; an error is handed back, since one that a process raises loses its words."""
        augment, images = wanted
        with one_thread():
            try:
                return torch.stack([vary(self._one(at), AUGMENTATIONS[augment], drawn) for at, drawn in images])
            except ImageError as error:
                return error

    def __len__(self) -> int:
        return len(self.folder)

    def _one(self, index: int) -> UInt8[Tensor, "3 height width"]:
        if self.kept is not None:
            return self.kept[index]
        picture = decode_resized(self.folder.paths[index], self.size)
        return torch.from_numpy(picture.pixels).permute(2, 0, 1).contiguous()


def free_shared_memory() -> int:
    """Bytes that processes may share; without a limit where the system sets none of its own."""
    if sys.platform == "linux" and SHARED_MEMORY.is_dir():
        return shutil.disk_usage(SHARED_MEMORY).free
    return sys.maxsize
