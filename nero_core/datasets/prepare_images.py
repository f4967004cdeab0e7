"""One look at every file of a dataset: its digest, and whether it is an image that decodes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from nero_core.data.decode import decode_image, file_name
from nero_core.data.folders import ImageFolder, file_digest
from nero_core.datasets.protocol import Protocol
from nero_core.errors import DatasetError, ImageError

READERS = 4  # threads; each holds one image at its full size


@dataclass(frozen=True, slots=True)
class UsedImages:
    """The images of the classes that are used.

    Attributes:
        files: those that decode.
        digests: sha256 of each.
        broken: ``class/file`` of those that do not decode.
        copies_in_unused: how many of ``files`` have a copy in an unused class.
    """

    files: ImageFolder
    digests: tuple[str, ...]
    broken: tuple[str, ...]
    copies_in_unused: int


def used_images(folder: ImageFolder, protocol: Protocol, tell: Callable[[str, int, int], None]) -> UsedImages:
    """Decode every file of a used class, and take the digest of every file.

    Args:
        folder: all class folders.
        protocol: tells which are used.
        tell: told (stage, done, total).

    Raises:
        DatasetError: a used class has no image that decodes.
        ImageError: a file of a used class cannot be read at all.
    """
    is_used = [protocol.classes[folder.classes[label]] != "unused" for label in folder.labels]
    looks: list[tuple[str, bool]] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="look") as pool:
        for look in pool.map(_look, folder.paths, is_used):
            looks.append(look)
            tell("reading images", len(looks), len(folder.paths))
    decoded = [index for index, (_, decodes) in enumerate(looks) if decodes]
    broken = [index for index, (_, decodes) in enumerate(looks) if is_used[index] and not decodes]
    whole = {folder.labels[index] for index in decoded}
    for index in broken:
        if folder.labels[index] not in whole:
            raise DatasetError(
                f"{file_name(folder.classes[folder.labels[index]])}: expected images that decode; found none. "
                "Copy or download them again, or make the class unused."
            )
    elsewhere = {digest for (digest, _), used in zip(looks, is_used, strict=True) if not used}
    digests = tuple(looks[index][0] for index in decoded)
    return UsedImages(
        files=_only(folder, decoded),
        digests=digests,
        broken=tuple(f"{folder.classes[folder.labels[index]]}/{folder.within_class(index)}" for index in broken),
        copies_in_unused=sum(digest in elsewhere for digest in digests),
    )


def _look(path: Path, is_used: bool) -> tuple[str, bool]:
    """Digest, and whether it is a used image that decodes."""
    if is_used:
        try:
            return decode_image(path).id, True
        except ImageError:
            return file_digest(path), False  # raises where the file is not broken, but closed to us
    try:
        return file_digest(path), False
    except ImageError:  # nobody needs it
        return "", False


def _only(files: ImageFolder, chosen: Sequence[int]) -> ImageFolder:
    """Only the files at ``chosen``; labels are renumbered, since every class must have an image."""
    names = [files.classes[label] for label in sorted({files.labels[index] for index in chosen})]
    return replace(
        files,
        classes=tuple(names),
        paths=tuple(files.paths[index] for index in chosen),
        labels=tuple(names.index(files.classes[files.labels[index]]) for index in chosen),
    )
