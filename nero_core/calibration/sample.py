"""A seeded, stratified sample: what a bundle keeps of a set that is too large to be kept."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from nero_core.data.folders import ImageFolder
from nero_core.errors import CalibrationError

SAMPLE = 20_000  # images of each part: 40 MB of features with 512 channels, and p-values from 1/20 001 on


def stratified_sample(labels: Sequence[int], ids: Sequence[str], most: int, seed: int) -> tuple[int, ...]:
    """At most ``most`` images, of each class in proportion to within one image, and of every class at least one.

    Within its class of n images, an image stands at ``(rank + ½)/n`` of a seeded shuffle; the lowest places of all
    classes are taken. It depends on the ids and the seed only, as ``split`` does.

    Args:
        labels: class index of each image.
        ids: sha256 of each image's file.
        most: images to take, at least one a class.
        seed: of the shuffle.

    Returns:
        Sorted indices.
    """
    if len(labels) <= most:
        return tuple(range(len(labels)))
    members: dict[int, list[int]] = defaultdict(list)
    for index in sorted(range(len(ids)), key=ids.__getitem__):
        members[labels[index]].append(index)
    rng = np.random.default_rng(seed)
    places = [
        (0.0 if rank == 0 else (rank + 0.5) / len(own), label, own[position])
        for label, own in sorted(members.items())
        for rank, position in enumerate(rng.permutation(len(own)))
    ]
    return tuple(sorted(index for _, _, index in sorted(places)[:most]))


def sampled(images: ImageFolder, ids: Sequence[str], most: int, seed: int) -> ImageFolder:
    """The dataset with a sample of its files; see ``stratified_sample``."""
    return images if len(images) <= most else images.select(stratified_sample(images.labels, ids, most, seed))


def check_sample(sample: int, fit_images: int, classes: int, columns: int) -> None:
    """See that a set that is too large to be kept can be fitted in passes, and its sample has every class.

    Args:
        sample: images to keep.
        fit_images: all that there are.
        classes: of the ID images, or of the OOD images where these are more.
        columns: the most that a method fits on, see ``most_columns``.

    Raises:
        CalibrationError: there are fewer fit images than columns, or a sample of fewer images than classes.
    """
    if sample < classes:
        raise CalibrationError(
            f"Expected a sample of at least {classes} images, one of each class. Found {sample}. Take a larger sample."
        )
    if sample < fit_images < columns:
        raise CalibrationError(
            f"Expected at least {columns} fit images, one for each column that is fitted on, to keep a sample of them. "
            f"Found {fit_images}. Keep all of them: take a sample of {fit_images} or more."
        )
