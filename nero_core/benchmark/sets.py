"""The images of a benchmark, refused by name before any of them is decoded where they would give a false figure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.held_out import check_ood_classes, check_unseen
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, read_folder
from nero_core.data.left_out import LeftOut, Tell
from nero_core.errors import CalibrationError, NeroError


def read_id_set(root: Path, class_names: Sequence[str]) -> ImageFolder:
    """ID images, labelled with indices into the bundle's classes; not every class need be there.

    Raises:
        CalibrationError: no images, or a class folder that is no class of the bundle.
    """
    images = read_folder(root)
    strange = [name for name in images.classes if name not in class_names]
    if strange:
        known = "none of them" if len(strange) == len(images.classes) else "not all of them"
        raise CalibrationError(
            f"Expected class folders of ID images that are classes of the bundle: {', '.join(class_names)}. "
            f"Found {known}: {', '.join(map(file_name, strange[:5]))}{' and more' if len(strange) > 5 else ''}. "
            "Rename these folders, or give them as OOD images."
        )
    index = [tuple(class_names).index(name) for name in images.classes]
    return replace(images, classes=tuple(class_names), labels=tuple(index[label] for label in images.labels))


def read_ood_set(root: Path, class_names: Sequence[str]) -> ImageFolder:
    """OOD images, one subfolder a class.

    Raises:
        CalibrationError: no images, or a class folder that bears the name of a class of the bundle.
    """
    images = read_folder(root)
    check_ood_classes(images, class_names)
    return images


def each_once(images: ImageFolder, digests: Sequence[str]) -> tuple[ImageFolder, tuple[str, ...]]:
    """The images without exact copies, which would count twice; the first of each stays."""
    return images.select(tuple(first_places(digests))), tuple(dict.fromkeys(digests))


def check_source(*given: str | Path | None) -> None:
    """See that images come from one place.

    Raises:
        NeroError: folders and lists are given together, or lists without their images.
    """
    id_images, ood, lists, data = given
    if (lists is None) != (data is None):
        actual = "--lists alone" if data is None else "--data alone"
        raise NeroError(f"Expected image lists (--lists) and the folder of their images (--data). Found {actual}.")
    if lists is not None and (id_images is not None or ood is not None):
        raise NeroError("Expected images from class folders (--id, --ood) or from lists (--lists, --data). Found both.")


def tell_copies(
    images: Sequence[ImageFolder | None], sets: Sequence[tuple[ImageFolder, tuple[str, ...]] | None], tell: Tell
) -> None:
    """Tell how many exact copies are left out of each set; a class that is left without images is refused.

    Raises:
        CalibrationError: every image of a class is a copy of another class's.
    """
    for kind, given, once in zip(("ID images", "OOD images"), images, sets, strict=True):
        if given is None or once is None or len(once[0]) == len(given):
            continue
        gone = set(given.labels) - set(once[0].labels)
        if gone:
            raise CalibrationError(
                f"Expected images of {file_name(given.classes[min(gone)])} that are in no other class or list. Found "
                "exact copies only. Leave it out."
            )
        tell(LeftOut(kind, len(once[0]), copies=len(given) - len(once[0])))


def check_sets(
    id_set: tuple[ImageFolder, Sequence[str]] | None,
    ood_set: tuple[ImageFolder, Sequence[str]] | None,
    seen: AbstractSet[str],
    id_ids: AbstractSet[str],
    ood_ids: AbstractSet[str],
) -> None:
    """See that nothing is measured on images that the methods were fitted on, and that no image is both ID and OOD.

    Args:
        id_set: ID images and their digests; None for the bundle's own.
        ood_set: OOD images and their digests; None for the bundle's own.
        seen: digests of the bundle's fit and calibration images.
        id_ids: digests of the ID images, wherever they are from.
        ood_ids: the same of the OOD images.

    Raises:
        CalibrationError: some were seen, or are in both.
    """
    for kind, given in (("ID", id_set), ("OOD", ood_set)):
        if given is not None:
            check_unseen(kind, given[0], given[1], seen)
    both = id_ids & ood_ids
    if not both:
        return
    paths = {
        digest: path
        for given in (id_set, ood_set)
        if given
        for path, digest in zip(given[0].paths, given[1], strict=True)
    }
    first = min((_shown(paths[digest]) for digest in both if digest in paths), default="of the bundle's own")
    raise CalibrationError(
        f"Expected images that are either ID or OOD. Found {len(both)} in both sets (first: {first}). "
        "Leave them out of one."
    )


def distinct(bank: FeatureBank) -> FeatureBank:
    """The bank without exact copies, which would count twice; the first of each stays."""
    rows = first_places(bank.ids)
    if len(rows) == len(bank):
        return bank
    scores = MappingProxyType({name: values[rows] for name, values in bank.scores.items()})
    return replace(
        bank, features=bank.features[rows], labels=bank.labels[rows], ids=tuple(dict.fromkeys(bank.ids)), scores=scores
    )


def first_places(ids: Sequence[str]) -> list[int]:
    """Where each id stands first."""
    first: dict[str, int] = {}
    for index, digest in enumerate(ids):
        first.setdefault(digest, index)
    return list(first.values())


def check_separate(fit: FeatureBank, id_bank: FeatureBank, ood_bank: FeatureBank) -> None:
    """See that nothing is measured on images that the methods were fitted on, and that no image is both ID and OOD.

    Raises:
        CalibrationError: two of the three banks share an image file.
    """
    named = (("fit", frozenset(fit.ids)), ("ID", frozenset(id_bank.ids)), ("OOD", frozenset(ood_bank.ids)))
    for (first, some), (second, others) in combinations(named, 2):
        both = some & others
        if both:
            raise CalibrationError(
                f"Expected {first} and {second} images that are not the same. Found {len(both)} in both banks "
                f"(first: sha256 {min(both)[:12]}…). Leave them out of one."
            )


def _shown(path: Path) -> str:
    return f"{file_name(path.parent.name)}/{file_name(path.name)}"
