"""Which image goes to which part: stratified and seeded, all copies of a file in one part, contradictions dropped."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, split
from nero_core.datasets.protocol import Protocol
from nero_core.errors import DatasetError

PARTS = ("train", "calibration", "test")  # of the ID images
OOD = "ood"


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of the ID images in each part; 0 leaves a part out.

    The defaults give Kvasir-v2 577 images to fit on (``calibrate`` keeps 45 % of its images for thresholds), more than
    the 512 neurons of a ResNet-18, so that the PCA of NERO has its full rank.
    """

    train: float = 0.45
    calibration: float = 0.35
    test: float = 0.2


@dataclass(frozen=True, slots=True)
class Assignment:
    """The part of each image that is used.

    Attributes:
        parts: (index of the file, part), by file.
        copies: files beyond the first of each digest, kept in the part of the first.
        dropped_id_ood: files left out since they lie in an ID and in an OOD class.
        dropped_labels: files left out since they lie in two ID classes, or in two OOD classes.
    """

    parts: tuple[tuple[int, str], ...]
    copies: int
    dropped_id_ood: int
    dropped_labels: int


def assign(files: ImageFolder, digests: Sequence[str], protocol: Protocol, shares: Shares, seed: int) -> Assignment:
    """Deal the images out.

    A file that lies in two used classes has no true label, so every copy of it is left out.

    Args:
        files: images of ID and OOD classes.
        digests: sha256 of each.
        protocol: tells the classes' roles.
        shares: of the ID images.
        seed: of the shuffle.

    Raises:
        DatasetError: the shares do not fit, or a class has no image that is in no other class.
        CalibrationError: an ID class has fewer different images than there are parts.
    """
    chosen = chosen_parts(shares)
    labels: dict[str, set[int]] = defaultdict(set)
    for label, digest in zip(files.labels, digests, strict=True):
        labels[digest].add(label)
    is_id = [protocol.classes[name] == "id" for name in files.classes]
    mixed = {digest for digest, of_digest in labels.items() if len({is_id[label] for label in of_digest}) == 2}
    doubtful = {digest for digest, of_digest in labels.items() if len(of_digest) > 1} - mixed
    unique = [index for index, digest in enumerate(digests) if len(labels[digest]) == 1]
    for label in set(range(len(files.classes))) - {files.labels[index] for index in unique}:
        raise DatasetError(
            f"{file_name(files.classes[label])}: expected images that are in no other class; found none. "
            "Sort the copies out, or make the class unused."
        )
    inside = [index for index in unique if is_id[files.labels[index]]]
    dealt = split(
        [files.labels[index] for index in inside],
        [digests[index] for index in inside],
        tuple(share for _, share in chosen),
        seed,
        files.classes,
    )
    parts = {index: OOD for index in unique if not is_id[files.labels[index]]}
    for (part, _), positions in zip(chosen, dealt, strict=True):
        parts.update((inside[position], part) for position in positions)
    return Assignment(
        parts=tuple(sorted(parts.items())),
        copies=len(unique) - len({digests[index] for index in unique}),
        dropped_id_ood=sum(digest in mixed for digest in digests),
        dropped_labels=sum(digest in doubtful for digest in digests),
    )


def chosen_parts(shares: Shares) -> list[tuple[str, float]]:
    """The parts that have a share.

    Raises:
        DatasetError: a share is negative, or they do not sum to 1.
    """
    values = [float(getattr(shares, part)) for part in PARTS]
    if not all(0 <= value <= 1 for value in values) or not math.isclose(sum(values), 1, abs_tol=1e-9):
        raise DatasetError(
            f"Expected shares from 0 to 1 that sum to 1. Found {', '.join(f'{value:g}' for value in values)} for "
            f"{', '.join(PARTS)}. Change them together."
        )
    return [(part, value) for part, value in zip(PARTS, values, strict=True) if value > 0]
