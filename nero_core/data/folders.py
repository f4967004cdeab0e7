"""Class-per-folder datasets, ``root/class/image.png`` or deeper: Kvasir-v2, GastroVision, the phantom, one's own."""

import hashlib
import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from nero_core.data.decode import Limits, Picture, decode_image, file_name, resize, to_batch
from nero_core.data.frames import frames_in
from nero_core.data.left_out import LeftOut, Tally, Tell
from nero_core.data.walk import are_parts_of_a_split, images_below, may_be_dicom, split_entries
from nero_core.errors import CalibrationError, ImageError
from nero_core.spelling import same_name
from nero_core.types import ImageBatch


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The files of a dataset, class by class, in a fixed order.

    Attributes:
        root: the folder that holds the class folders.
        classes: folder names, with accents in one way (NFC); a label is an index into them.
        paths: image files as they are named on the disk, by class and then by name.
        labels: class index of each file.
        left_out: what else the folder holds.
    """

    root: Path
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    left_out: LeftOut = field(default=LeftOut(), compare=False)

    def within_class(self, index: int) -> str:
        """A file's place in its class folder: its name, with the folders in between."""
        return "/".join(self.paths[index].relative_to(self.root).parts[1:])

    def select(self, indices: Sequence[int]) -> "ImageFolder":
        """The same dataset with only these files, in the order given."""
        paths = tuple(self.paths[index] for index in indices)
        return replace(self, paths=paths, labels=tuple(self.labels[index] for index in indices))

    def __len__(self) -> int:
        return len(self.paths)


def read_folder(root: str | Path, classes: Sequence[str] | None = None) -> ImageFolder:
    """List a dataset; of its files only those that may be DICOM are looked into.

    Images in a class folder count at any depth, as in ``class/patient/image.png``; a DICOM file of several frames
    counts by its first. Hidden files, other suffixes, and links that lead out of ``root`` do not; ``left_out`` of the
    result counts them.

    Args:
        root: the folder that holds the class folders.
        classes: exactly these, in this order; None for every subfolder that holds images, sorted by name.

    Raises:
        CalibrationError: the root or a class folder is missing or holds no image, or the subfolders are no classes.
    """
    root = Path(root)
    shown = file_name(str(root))
    layout = "a folder with one subfolder of images a class"
    if not root.is_dir():
        actual = "a file" if root.exists() else "no such folder"
        raise CalibrationError(f"{shown}: expected {layout}; found {actual}. Check the path.")
    inside, tally = root.resolve(), Tally()
    loose, folders = split_entries(root, inside, tally)
    tally.beside = len(loose)
    known = _by_name(folders, shown)
    found = {name: list(images_below(folder, inside, tally)) for name, folder in known.items()}
    for folder, error in tally.closed:
        raise _closed(folder, error) from error
    if classes is None:
        chosen = {name: found[name] for name in sorted(found) if found[name]}
        others: dict[str, int] = {}
        if not chosen:
            remedy = "Name the folder above the class folders."
            raise CalibrationError(f"{shown}: expected {layout}; found none that holds images. {remedy}")
        if are_parts_of_a_split(list(chosen)) and not any(
            path.parent == known[name] for name, paths in chosen.items() for path in paths
        ):
            actual = f"the parts of a split ({', '.join(chosen)})"
            raise CalibrationError(f"{shown}: expected {layout}; found {actual}. Name one of these folders.")
    else:
        chosen = _named_classes(shown, found, classes)
        others = {name: len(paths) for name, paths in found.items() if paths and name not in chosen}
    tally.frames = sum(frames_in(path) - 1 for paths in chosen.values() for path in paths if may_be_dicom(path))
    empty = tuple(sorted(name for name, paths in found.items() if not paths))
    return ImageFolder(
        root=root,
        classes=tuple(chosen),
        paths=tuple(path for paths in chosen.values() for path in paths),
        labels=tuple(label for label, paths in enumerate(chosen.values()) for _ in paths),
        left_out=tally.record(shown, sum(map(len, chosen.values())), others, empty),
    )


def tell_each(folders: Iterable["ImageFolder | None"], on_left_out: Tell) -> None:
    """Tell what each folder holds that is not read, where there is such a thing."""
    for folder in folders:
        if folder is not None and folder.left_out.reasons:
            on_left_out(folder.left_out)


def file_digest(path: str | Path) -> str:
    """sha256 (hex) of a file, read in pieces; equals the ``id`` of the decoded picture.

    Raises:
        ImageError: the file cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        name = f"{file_name(path.parent.name)}/{file_name(path.name)}"
        raise ImageError(f"{name}: expected a file that can be read; {_reason(error)}") from error


def iterate_batches(
    files: ImageFolder | Sequence[str | Path],
    size: tuple[int, int],
    batch_size: int,
    workers: int = 2,
    limits: Limits = Limits(),
) -> Iterator[ImageBatch]:
    """Decode and resize in threads, in order, at most two batches ahead.

    Args:
        files: a dataset, whose batches carry labels, or bare paths, whose batches do not.
        size: (height, width) of the classifier's input.
        batch_size: images a batch; the last may be smaller.
        workers: threads, and so the largest number of full-size pictures in memory.
        limits: what each file may cost.

    Raises:
        ImageError: a file cannot be decoded; the message names its class folder too.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1; found {batch_size}")
    paths = [Path(path) for path in (files.paths if isinstance(files, ImageFolder) else files)]
    labels = files.labels if isinstance(files, ImageFolder) else None
    queue: deque[Future[Picture]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        ahead = iter(paths)
        for start in range(0, len(paths), batch_size):
            while len(queue) < 2 * batch_size and (path := next(ahead, None)) is not None:
                queue.append(pool.submit(decode_resized, path, size, limits))
            stop = min(start + batch_size, len(paths))
            pictures = [queue.popleft().result() for _ in range(start, stop)]
            yield to_batch(pictures, size, None if labels is None else labels[start:stop])
    finally:  # also when the consumer stops early
        pool.shutdown(cancel_futures=True)


def decode_resized(path: Path, size: tuple[int, int], limits: Limits = Limits()) -> Picture:
    """A picture of a dataset at the classifier's ``size`` = (height, width), so that what waits is small.

    Raises:
        ImageError: the file cannot be decoded; the message names its class folder too.
    """
    try:
        return resize(decode_image(path, limits=limits), size)
    except ImageError as error:
        raise ImageError(f"{file_name(path.parent.name)}/{error}") from error


def split(
    labels: Sequence[int],
    ids: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    classes: Sequence[str] | None = None,
) -> tuple[tuple[int, ...], ...]:
    """Stratified, seeded split into parts; images of one id (exact duplicates) always go to one part.

    It depends on the ids and the seed only, so renaming or reordering files moves no image to another part.

    Args:
        labels: class index of each image.
        ids: sha256 of each image's file.
        fractions: share of each part, summing to 1.
        seed: of the shuffle.
        classes: names to which the labels are indices, for the error; None to name the index.

    Returns:
        The sorted indices of each part.

    Raises:
        CalibrationError: a class has fewer different images than there are parts.
    """
    if not math.isclose(sum(fractions), 1.0, abs_tol=1e-9) or min(fractions, default=0.0) <= 0:
        raise ValueError(f"fractions: expected positive shares that sum to 1; found {tuple(fractions)}")
    copies: dict[str, list[int]] = defaultdict(list)
    different: dict[int, set[str]] = defaultdict(set)
    for index, (label, digest) in enumerate(zip(labels, ids, strict=True)):
        copies[digest].append(index)
        different[label].add(digest)
    strata: dict[int, list[list[int]]] = defaultdict(list)
    for digest in sorted(copies):  # an image found in two classes is dealt out with the first of them
        strata[min(labels[index] for index in copies[digest])].append(copies[digest])
    rng = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in fractions]
    for label in sorted(strata):
        shuffled = [strata[label][position] for position in rng.permutation(len(strata[label]))]
        for part, group in _deal(shuffled, fractions):
            parts[part].extend(group)
    for label in sorted(different):
        if any(label not in {labels[index] for index in part} for part in parts):
            expected = f"expected at least {len(parts)} different images, one for each part of the split"
            remedy = "Add images to this class, or leave it out."
            shown = f"class {label}" if classes is None else file_name(classes[label])
            raise CalibrationError(f"{shown}: {expected}; found {len(different[label])}. {remedy}")
    return tuple(tuple(sorted(part)) for part in parts)


def _deal(groups: list[list[int]], fractions: Sequence[float]) -> Iterator[tuple[int, list[int]]]:
    """Give each group of copies to the part that lacks most, the largest groups first, and leave no part empty."""
    need = _sizes(sum(map(len, groups)), fractions)
    empty = set(range(len(need)))
    for position, group in enumerate(sorted(groups, key=len, reverse=True)):  # stable: the shuffle decides among equals
        is_scarce = len(groups) - position <= len(empty)
        part = max(sorted(empty) if is_scarce else range(len(need)), key=need.__getitem__)
        empty.discard(part)
        need[part] -= len(group)
        yield part, group


def _by_name(folders: Sequence[Path], shown: str) -> dict[str, Path]:
    known: dict[str, Path] = {}
    for folder in folders:
        other = known.setdefault(same_name(folder.name), folder)
        if other is not folder:
            raise CalibrationError(
                f"{shown}: expected each class once; found two folders of the name '{file_name(other.name)}', with "
                "accents in two ways. Put their images together."
            )
    return known


def _named_classes(shown: str, found: dict[str, list[Path]], classes: Sequence[str]) -> dict[str, list[Path]]:
    chosen: dict[str, list[Path]] = {}
    for name in map(same_name, classes):
        if name in chosen:
            raise CalibrationError(f"{shown}: expected each class once; found '{name}' twice. Remove one of them.")
        expected = f"{shown}: expected a folder '{name}' with images"
        if Path(name).name != name or name == "..":
            raise CalibrationError(f"{expected}; found a path in place of a folder name. Name the subfolder only.")
        if name not in found:
            others = ", ".join(found) or "none"
            raise CalibrationError(f"{expected}; found no such folder, but these: {others}. Rename it or add it.")
        if not found[name]:
            raise CalibrationError(f"{expected}; found none in it. Add images or leave the class out.")
        chosen[name] = found[name]
    return chosen


def _closed(folder: Path, error: OSError) -> CalibrationError:
    return CalibrationError(f"{file_name(str(folder))}: expected a folder that can be read; {_reason(error)}")


def _reason(error: OSError) -> str:
    return f"found: {error.strerror or error}. Check the path and the right to read it."


def _sizes(total: int, fractions: Sequence[float]) -> Int[np.ndarray, " parts"]:
    """``total`` shared out by largest remainder, at least one to each part."""
    exact = np.asarray(fractions) * total
    sizes: Int[np.ndarray, " parts"] = np.floor(exact).astype(int)
    for part in np.argsort(sizes - exact, kind="stable")[: total - int(sizes.sum())]:
        sizes[part] += 1
    while sizes.min() < 1 < sizes.max():
        sizes[int(sizes.argmin())] += 1
        sizes[int(sizes.argmax())] -= 1
    return sizes
