"""The images of a run: which they are, their training and validation part, and their pixels."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Int, UInt8
from torch import Tensor
from torch.utils.data import DataLoader

from nero_core.data.folders import ImageFolder, read_folder, split
from nero_core.errors import CalibrationError, ImageError
from nero_core.training.pixels import Pixels, Wanted
from nero_core.training.recipe import AUGMENTATIONS
from nero_core.training.variation import draw
from nero_core.training.workers import AHEAD, end_with_parent, start_method


class Images:
    """One part of the data in batches: decoded once where it fits in memory, else for each batch.

    Args:
        folder: its files.
        size: height and width of the classifier's input, in pixels.
        batch_size: images a batch.
        is_pinned: batches lie in memory that a GPU copies from without waiting.

    Attributes:
        pixels: what is read.
        workers: processes that read and vary images, set before the first is read; see ``worker_count``.
    """

    def __init__(self, folder: ImageFolder, size: int, batch_size: int, is_pinned: bool = False) -> None:
        self.pixels = Pixels(folder, (size, size))
        self.labels = torch.tensor(folder.labels, dtype=torch.int64)
        self.batch_size, self.workers, self.is_pinned = batch_size, 0, is_pinned
        self._wanted: list[Wanted] = []
        self._loader: DataLoader[Tensor | ImageError] | None = None

    def read(self) -> Iterator[int]:
        """Decode all images where they fit in memory; yields the number of each batch.

        Raises:
            ImageError: an image cannot be decoded.
        """
        if self.pixels.can_be_kept(shared=self.workers > 0):
            yield from self.pixels.keep(self.batch_size, self.workers > 0, max(2, self.workers))

    def batches(
        self, order: Sequence[int], augment: str = "none"
    ) -> Iterator[tuple[UInt8[Tensor, "batch 3 height width"], Int[Tensor, " batch"]]]:
        """Pixels and labels of the images in this order, ``batch_size`` at a time.

        All that is random is drawn from torch's generator before the first batch.

        Args:
            order: indices of the images.
            augment: a key of ``AUGMENTATIONS``.

        Raises:
            ImageError: an image cannot be decoded.
        """
        drawn = [(index, draw(AUGMENTATIONS[augment])) for index in order]
        parts = [drawn[start : start + self.batch_size] for start in range(0, len(drawn), self.batch_size)]
        self._wanted[:] = [(augment, part) for part in parts]  # the loader's own list: its processes live on
        for part, pixels in zip(parts, self._open(), strict=True):
            if isinstance(pixels, ImageError):
                raise pixels
            yield pixels, self.labels[[index for index, _ in part]]

    def close(self) -> None:
        """End the processes that read."""
        self._loader = None

    def __len__(self) -> int:
        return len(self.pixels)

    def _open(self) -> DataLoader[Tensor | ImageError]:
        if self._loader is None:
            self._loader = DataLoader(
                self.pixels,
                batch_size=None,  # each item of the sampler is a batch
                sampler=self._wanted,
                collate_fn=_as_it_is,
                num_workers=self.workers,
                worker_init_fn=end_with_parent,
                persistent_workers=self.workers > 0,
                prefetch_factor=AHEAD if self.workers else None,
                multiprocessing_context=start_method() if self.workers else None,
                pin_memory=self.is_pinned,
                generator=torch.Generator(),  # of a seed that nothing uses: the caller's numbers stay alone
            )
        return self._loader


def _as_it_is(batch: object) -> object:
    return batch


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
    if classes is None and folder.left_out.empty:
        raise CalibrationError(
            f"Expected images in every class folder of {data}. Found none in: {', '.join(folder.left_out.empty)}. "
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
