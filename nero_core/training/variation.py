"""How an augmentation varies one image, drawn apart from the image.

The draws are made in one process, image by image; whichever process reads the image applies them. So the weights do
not depend on how many processes read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms import v2

Variation = tuple[tuple[int, dict[str, Any]], ...]  # which parts of the augmentation act, and their parameters


def draw(augmentation: v2.Transform) -> Variation:
    """Draw from torch's generator what calling ``augmentation`` would draw, number for number."""
    drawn: list[tuple[int, dict[str, Any]]] = []
    for place, part in enumerate(_parts(augmentation)):
        if hasattr(part, "p") and torch.rand(1) >= part.p:  # as torchvision's parts that act by chance begin
            continue
        parameters = part.make_params([])
        drawn.append((place, {name: _plain(value) for name, value in parameters.items()}))
    return tuple(drawn)


def vary(
    image: UInt8[Tensor, "3 height width"], augmentation: v2.Transform, variation: Variation
) -> UInt8[Tensor, "3 height width"]:
    """The image as ``augmentation`` makes it with these draws."""
    parts = _parts(augmentation)
    for place, parameters in variation:
        image = parts[place].transform(image, parameters)
    return image


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch computes in one thread meanwhile, as it does in a process that only reads.

    Images are small: where cores are busy, several threads wait for one another longer than they work. And a sum over
    several threads may round differently.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _parts(augmentation: v2.Transform) -> tuple[v2.Transform, ...]:
    if isinstance(augmentation, v2.Identity):
        return ()
    return tuple(augmentation.transforms) if isinstance(augmentation, v2.Compose) else (augmentation,)


def _plain(value: object) -> object:
    """A tensor as a list: one of its own in shared memory for each image would be costly."""
    return value.tolist() if isinstance(value, Tensor) else value
