"""Features of any number of images on the disk, between the one forward pass and the passes of the fits."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.errors import BundleError

_AT_ONCE = 1024  # images read at once: products of matrices in place of vectors, 8 MB with 1024 columns


class Spill:
    """A file without a name, beside the bundle that is being made; it goes with its process, however that ends.

    It is read, not mapped: pages of a mapped file count as memory of the process, which would seem to grow.

    Args:
        folder: on whose disk it lies.
        neurons: columns of the features, kept as float32.
        stages: channels of each stage, kept as float16, as a bank has them.
        images: how many will come.

    Raises:
        BundleError: there is no room for so many, or no file can be made.
    """

    def __init__(self, folder: Path, neurons: int, stages: Mapping[str, int], images: int) -> None:
        self._folder, self._stages = folder, tuple(stages)
        self._row = np.dtype([("features", "<f4", (neurons,)), ("stages", "<f2", (sum(stages.values()),))])
        needed = images * self._row.itemsize
        try:
            free = shutil.disk_usage(folder).free
            if free < needed:
                raise self._no_room(needed, f"{free / 2**20:.0f} MB")
            self._file = tempfile.TemporaryFile(dir=folder)
        except OSError as error:
            raise self._no_room(needed, error.strerror or str(error)) from error

    def write(self, features: Float[Tensor, "batch neurons"], stages: Mapping[str, Float[Tensor, "batch _"]]) -> None:
        """Add images.

        Raises:
            BundleError: the disk is full.
        """
        rows = np.empty(len(features), self._row)
        rows["features"] = features.numpy()
        rows["stages"] = np.concatenate(
            [np.empty((len(features), 0), np.float16), *(stages[name].numpy() for name in self._stages)], axis=1
        )
        try:
            self._file.write(rows.tobytes())
            self._file.flush()
        except OSError as error:
            raise self._no_room(rows.nbytes, error.strerror or str(error)) from error

    def read(self, labels: Sequence[int]) -> Iterator[tuple[Float[Tensor, "batch columns"], Int[Tensor, " batch"]]]:
        """All images from the first on: stages and then features, side by side, and their classes.

        Args:
            labels: of all images, in the order in which they were written.
        """
        self._file.seek(0)
        for start in range(0, len(labels), _AT_ONCE):
            classes = torch.tensor(labels[start : start + _AT_ONCE])
            rows = np.frombuffer(self._file.read(len(classes) * self._row.itemsize), self._row)
            yield (
                torch.from_numpy(np.concatenate([rows["stages"].astype(np.float32), rows["features"]], axis=1)),
                classes,
            )

    def close(self) -> None:
        """Give the room back."""
        with suppress(OSError):  # of a full disk, once more: what lies there is not wanted any longer
            self._file.close()

    def _no_room(self, needed: int, actual: str) -> BundleError:
        return BundleError(
            f"Expected {needed / 2**20:.0f} MB in {self._folder} for features while the bundle is made. Found: "
            f"{actual}. Free some space, or choose another folder."
        )
