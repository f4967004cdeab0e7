"""Features in the place of images: what a frozen backbone makes of images that no augmentation varies."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from nero_core.training.images import Images

Observe = Callable[[UInt8[Tensor, "batch 3 height width"]], Float[Tensor, "batch neurons"]]


class Features:
    """The features of one part of the data, computed once; it stands in for `Images`."""

    def __init__(self, images: Images, neurons: int) -> None:
        self.images, self.labels, self.batch_size = images, images.labels, images.batch_size
        self.values: Float[Tensor, "images neurons"] = torch.empty((len(images), neurons))

    def read(self, observe: Observe) -> Iterator[int]:
        """Decode the images and compute their features; yields the number of each batch."""
        done = 0
        for pixels, _ in self.images.batches(range(len(self))):
            self.values[done : done + len(pixels)] = observe(pixels)
            done += len(pixels)
            yield len(pixels)

    def batches(
        self, order: Sequence[int], augment: str = "none"
    ) -> Iterator[tuple[Float[Tensor, "batch neurons"], Int[Tensor, " batch"]]]:
        """Features and labels of the images in this order, ``batch_size`` at a time."""
        assert augment == "none", "features cannot be varied as images are"
        for part in torch.tensor(order, dtype=torch.int64).split(self.batch_size) if order else ():
            yield self.values[part], self.labels[part]

    def __len__(self) -> int:
        return len(self.images)
