"""The image lists of OpenOOD and OpenMIBOOD: ``path label`` a line, one list a test set; hostile until checked."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from nero_core.data.left_out import NO_SUFFIX, LeftOut
from nero_core.data.limits import SUFFIXES, file_name
from nero_core.datasets.image_list_lines import Inside, read_lines, wrong_line
from nero_core.errors import DatasetError

Tier = Literal["id", "csid", "near", "far"]
SHIFTED_AND_OOD: tuple[Tier, ...] = ("csid", "near", "far")
MAX_LISTS = 100  # in a folder; the largest of the three benchmarks has 12
_PREFIX, _SUFFIX = "test_", ".txt"


@dataclass(frozen=True, slots=True)
class ImageList:
    """One test set.

    Attributes:
        name: of its file, without ``test_`` and ``.txt``.
        tier: ``id``, ``csid`` (covariate-shifted ID), ``near`` or ``far``.
        paths: the images that are there, in the order of the list.
        labels: what the list says of each; −1 = no ID class.
        left_out: lines whose image is not read, by reason.
    """

    name: str
    tier: Tier
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    left_out: LeftOut


def read_image_lists(lists: str | Path, data: str | Path, classes: int) -> tuple[ImageList, ...]:
    """Every ``test_*.txt`` of a benchmark's folder, the ID list first, then by tier and name. No image is opened.

    A line is ``path label``; the label is its last word, so that a path may hold spaces. Empty lines and lines that
    begin with ``#`` count as none. The tier of a list is the end of its name (``_csid``, ``_near``, ``_far``), or else
    the folder that all of its paths begin with; a list with neither is the one of ID images. What the label of a near
    or far image says does not count, as in OpenMIBOOD: MIDOG's near-OOD images bear classes.

    Args:
        lists: the folder of the lists, such as ``benchmark_imglist/midog``.
        data: the folder that their paths begin in, such as ``midog``.
        classes: how many classes the labels of ID images may name.

    Raises:
        DatasetError: the folders or lists are not there, too large, or no such lists; a line is wrong, or leads out of
            the data; a list has no image that can be read.
    """
    folder, root = Path(lists), Path(data)
    for place, what in ((folder, "a folder of image lists (test_….txt)"), (root, "the folder of the lists' images")):
        if not place.is_dir():
            actual = "a file" if place.exists() else "no such folder"
            raise DatasetError(f"{file_name(str(place))}: expected {what}; found {actual}. Check the path.")
    files = sorted(path for path in folder.glob(f"{_PREFIX}*{_SUFFIX}") if path.is_file())
    if not 2 <= len(files) <= MAX_LISTS:
        raise DatasetError(
            f"{file_name(str(folder))}: expected 2 to {MAX_LISTS} lists test_….txt, one of ID images and others of "
            f"near or far OOD; found {len(files)}. Name the folder of one benchmark, such as benchmark_imglist/midog."
        )
    found = [_read_list(path, root, classes) for path in files]
    ids = [each.name for each in found if each.tier == "id"]
    if len(ids) != 1:
        raise DatasetError(
            f"{file_name(str(folder))}: expected one list of ID images; found {len(ids)} "
            f"({', '.join(map(file_name, ids)) or 'each is of another tier'}). End the names of the others in _csid, "
            "_near or _far."
        )
    if not any(each.tier in ("near", "far") for each in found):
        raise DatasetError(
            f"{file_name(str(folder))}: expected a list of OOD images; found none. Add one that ends in _near or _far."
        )
    order: tuple[Tier, ...] = ("id", *SHIFTED_AND_OOD)
    return tuple(sorted(found, key=lambda each: order.index(each.tier)))  # stable: by name within a tier


def _read_list(file: Path, root: Path, classes: int) -> ImageList:
    lines = list(read_lines(file))
    name = file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    tier = _tier(file, name, [path for _, path, _ in lines])
    paths, labels, tally = list[Path](), list[int](), Counter[str]()
    kinds = Counter[str]()
    inside = Inside(root)
    for number, text, label in lines:
        if tier == "id" and not 0 <= label < classes:
            raise wrong_line(
                file,
                number,
                f"a class of the bundle, 0 to {classes - 1}",
                f"label {label}",
                "Use a bundle of the classes that the list was made for.",
            )
        path = root / text
        reason = inside.why_not(path)
        if reason is None:
            paths.append(path)
            labels.append(label)
        elif reason == "kind":
            kinds[".nii.gz" if text.lower().endswith(".nii.gz") else path.suffix.lower() or NO_SUFFIX] += 1
        else:
            tally[reason] += 1
    left_out = LeftOut(
        file_name(file.name),
        len(paths),
        dict(kinds),
        links=tally["link"],
        special=tally["special"],
        missing=tally["missing"],
    )
    if not paths:
        raise DatasetError(
            f"{file_name(file.name)}: expected images below {file_name(str(root))}; found none of {len(lines)} "
            f"({left_out.reasons or 'the list is empty'}). Name the folder that the paths of the list begin in, and "
            f"images of these kinds: {', '.join(sorted(SUFFIXES))}."
        )
    return ImageList(name, tier, tuple(paths), tuple(labels), left_out)


def _tier(file: Path, name: str, paths: list[str]) -> Tier:
    for tier in SHIFTED_AND_OOD:
        if name.lower().endswith(f"_{tier}"):
            return tier
    first = {PurePosixPath(path).parts[0] for path in paths}
    named: list[Tier] = [tier for tier in SHIFTED_AND_OOD if tier in first]
    if not named:
        return "id"
    if len(first) == 1:
        return named[0]
    below = ", ".join(map(file_name, sorted(first)[:5]))
    raise DatasetError(
        f"{file_name(file.name)}: expected images of one tier; found paths below {below}. Make a list of each, "
        "or end the list's name in _csid, _near or _far."
    )
