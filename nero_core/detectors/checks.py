"""What every detector asks of the features and labels it is given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from nero_core.errors import CalibrationError

Labels = Tensor | NDArray[Any] | Sequence[Any]  # one class index an image, see ``checked_labels``


def check_features(x: Tensor, neurons: int) -> None:
    """See that features feed a head of so many neurons and are finite.

    Raises:
        CalibrationError: they do not, or are not.
    """
    if x.ndim != 2 or x.shape[1] != neurons:
        raise CalibrationError(
            f"Expected features of shape (batch, {neurons}), as the head has. "
            f"Found {tuple(x.shape)}. Use the features that feed this head."
        )
    # A sum is finite only where every entry is, and is had in a tenth of the time; one of finite entries may overflow.
    if not bool(x.sum().isfinite()) and not bool(x.isfinite().all()):
        raise CalibrationError("Expected finite features. Found NaN or infinity. Check the image and the weights.")


def checked_labels(y: Labels, images: int, classes: int) -> Int[Tensor, " images"]:
    """Class indices of any kind (integers, booleans, whole floats; a tensor, an array or a list) as int64.

    Args:
        y: one label an image: the row of the head that is its class.
        images: how many there are.
        classes: rows of the head.

    Raises:
        CalibrationError: there is not one label an image, one is no whole number, or one is no row of the head. Labels
            below 0, pytorch-ood's sign for OOD images, are none.
    """
    try:
        # A copy of an array: torch warns of those that cannot be written to.
        given = torch.as_tensor(np.array(y) if isinstance(y, np.ndarray) else y).detach()
        labels = given.real.to(torch.int64)
    except (TypeError, ValueError, RuntimeError) as error:  # text, rows of several lengths, tensors of several numbers
        raise CalibrationError(
            f"Expected one class index for each of {images} images. Found {type(y).__name__} that holds none "
            f"({error}). Give a vector of integers."
        ) from error
    if labels.shape != (images,):
        raise CalibrationError(
            f"Expected one label for each of {images} images. Found shape {tuple(labels.shape)}. Give a label vector."
        )
    has_parts = given.is_floating_point() or given.is_complex()
    broken = given[given != labels].tolist() if has_parts else []  # NaN too
    if broken:
        raise CalibrationError(
            f"Expected labels that are whole numbers from 0 to {classes - 1}. Found {broken[0]}. "
            "Give the index of each image's class."
        )
    if images and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise CalibrationError(
            f"Expected labels from 0 to {classes - 1}, as the head has rows. "
            f"Found {int(labels.min())} to {int(labels.max())}. Number the classes as the head does, and fit on no OOD "
            "image (label below 0)."
        )
    return labels


def check_every_class(y: Int[Tensor, " batch"], classes: int) -> None:
    """See that every row of a head of so many classes has an image.

    Raises:
        CalibrationError: one has none.
    """
    count = len(y.unique())
    if count < classes:
        raise CalibrationError(
            f"Expected ID images of all {classes} classes of the head. Found {count} classes. Add images of the others."
        )
