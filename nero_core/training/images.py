"""The images of a run: which they are, their training and validation part, and their pixels."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from nero_core.data.folders import ImageFolder, iterate_batches, read_folder, split
from nero_core.errors import CalibrationError

CACHE_BYTES = 2 * 2**30  # above this, images are decoded again for each batch


class Images:
    """One part of the data: decoded once where it fits in memory, else for each batch."""

    def __init__(self, folder: ImageFolder, size: int, batch_size: int) -> None:
        self.folder, self.size, self.batch_size = folder, (size, size), batch_size
        self.labels = torch.tensor(folder.labels, dtype=torch.int64)
        self.cache: UInt8[Tensor, "images 3 height width"] | None = None

    def read(self) -> Iterator[int]:
        """Fill the cache where the images fit; yields the number of each batch."""
        if len(self) * 3 * self.size[0] * self.size[1] > CACHE_BYTES:
            return
        self.cache = torch.empty((len(self), 3, *self.size), dtype=torch.uint8)
        done = 0
        for pixels in self._decode(self.folder):
            self.cache[done : done + len(pixels)] = pixels
            done += len(pixels)
            yield len(pixels)

    def batches(
        self, order: Sequence[int]
    ) -> Iterator[tuple[UInt8[Tensor, "batch 3 height width"], Int[Tensor, " batch"]]]:
        """Pixels and labels of the images in this order, ``batch_size`` at a time."""
        parts = torch.tensor(order, dtype=torch.int64).split(self.batch_size) if order else ()  # else one empty part
        if self.cache is None:
            for part, pixels in zip(parts, self._decode(self.folder.select(order)), strict=True):
                yield pixels, self.labels[part]
        else:
            for part in parts:
                yield self.cache[part], self.labels[part]

    def _decode(self, folder: ImageFolder) -> Iterator[UInt8[Tensor, "batch 3 height width"]]:
        for batch in iterate_batches(folder, self.size, self.batch_size):
            yield (batch.pixels * 255).round().byte()

    def __len__(self) -> int:
        return len(self.folder)


def read_classes(data: Path, classes: Sequence[str] | None) -> ImageFolder:
    """List the images of these classes, or of all; none may be without images.

    Raises:
        CalibrationError: no images, one class only, or a class without images.
    """
    folder = read_folder(data, classes)
    if len(folder.classes) < 2:
        raise CalibrationError(
            f"Expected at least two class folders with images in {data}. Found one: {folder.classes[0]}. Add a class."
        )
    if classes is None:
        names = sorted(path.name for path in Path(data).iterdir() if path.is_dir() and not path.name.startswith("."))
        empty = [name for name in names if name not in folder.classes]
        if empty:
            raise CalibrationError(
                f"Expected images in every class folder of {data}. Found none in: {', '.join(empty)}. "
                "Add images, remove the folder, or name the classes to train on with --classes."
            )
    return folder


def split_images(
    folder: ImageFolder, digests: Sequence[str], validation_share: float, seed: int
) -> tuple[Sequence[int], Sequence[int]]:
    """Indices of the training and of the validation part."""
    if validation_share == 0:
        return range(len(folder)), ()
    training, validation = split(folder.labels, digests, (1 - validation_share, validation_share), seed)
    return training, validation


def fingerprint(folder: ImageFolder, digests: Sequence[str]) -> str:
    """One digest of all files and their classes, in order."""
    lines = (f"{digest} {label}\n" for digest, label in zip(digests, folder.labels, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
