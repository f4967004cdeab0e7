"""A published dataset, or any of class folders, split into the folders that training, calibration and benchmark read.

``out/train``, ``out/calibration`` and ``out/test`` hold the ID classes, ``out/ood`` the OOD classes. The OOD images are
in one folder: nothing is fitted or tuned on them, so ``calibrate --ood`` and ``benchmark --ood`` may both read it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveLimits
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, file_digest, read_folder
from nero_core.data.prepare_files import MADE_WITH, SOURCE, check_same, read_record, staging, write_set
from nero_core.data.prepare_source import class_folders
from nero_core.data.prepare_split import OOD, PARTS, Assignment, Shares, assign, chosen_parts
from nero_core.data.protocol import Protocol

HASHERS = 2  # threads that read ahead
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared dataset.

    Attributes:
        out: its folder.
        counts: images of each class of each part.
        warnings: sentences on counts that are not the published ones, and on files that were left out.
        is_new: False where the same set was there already.
    """

    out: Path
    counts: Mapping[str, Mapping[str, int]]
    warnings: tuple[str, ...]
    is_new: bool


def prepare(
    source: str | Path,
    out: str | Path,
    protocol: Protocol,
    shares: Shares = Shares(),
    seed: int = 0,
    limits: ArchiveLimits = ARCHIVE_LIMITS,
    on_progress: Progress | None = None,
) -> Prepared:
    """Check a dataset against its protocol, split it, and write it. Nothing is written until everything is.

    Args:
        source: the archive, or the folder that holds it or the class folders.
        out: folder to write; made by hard links where possible, so it takes no room on the disk of ``source``.
        protocol: which class is ID, OOD or unused, and the published counts.
        shares: of the ID images in each part.
        seed: of the shuffle.
        limits: what an archive may cost.
        on_progress: told (stage, done, total).

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, or beyond the limits.
        CalibrationError: the folder holds no class folders, or a class has fewer different images than parts.
        DatasetError: classes are missing or unknown, the shares do not fit, or ``out`` holds something else.
        ImageError: a file cannot be read.
    """
    source, out = Path(source), Path(out)
    tell: Progress = on_progress or (lambda stage, done, total: None)
    chosen_parts(shares)
    older = read_record(out)
    with staging(out) as stage, class_folders(source, tuple(protocol.classes), stage, limits) as root:
        found = read_folder(root)
        protocol.check_classes(found.classes)
        used = [index for index, label in enumerate(found.labels) if protocol.classes[found.classes[label]] != "unused"]
        files = _without_unused(found, used)
        digests = _digests(files.paths, tell)
        assignment = assign(files, digests, protocol, shares, seed)
        record = _record(file_name(str(source)), files, digests, assignment, protocol, shares, seed)
        if older is None:
            sources = [files.paths[index] for index, _ in assignment.parts]
            write_set(
                stage / "set", out, sources, record, protocol.toml(), lambda done, total: tell("writing", done, total)
            )
        else:
            check_same(out, older, record)
    return Prepared(out, record["counts"], tuple(_warnings(record, protocol)), is_new=older is None)


def found_classes(source: str | Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> dict[str, int]:
    """The class folders of a dataset, each with its number of images.

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, or beyond the limits.
        CalibrationError: the folder holds no class folders.
    """
    with class_folders(Path(source), limits=limits) as root:
        files = read_folder(root)
    counts = Counter(files.labels)
    return {name: counts[label] for label, name in enumerate(files.classes)}


def _without_unused(files: ImageFolder, used: Sequence[int]) -> ImageFolder:
    """Only the files at ``used``; labels are renumbered, since every class must have an image."""
    names = [files.classes[label] for label in sorted({files.labels[index] for index in used})]
    return ImageFolder(
        root=files.root,
        classes=tuple(names),
        paths=tuple(files.paths[index] for index in used),
        labels=tuple(names.index(files.classes[files.labels[index]]) for index in used),
    )


def _digests(paths: Sequence[Path], tell: Progress) -> list[str]:
    digests = []
    with ThreadPoolExecutor(HASHERS, thread_name_prefix="digest") as pool:
        for digest in pool.map(file_digest, paths):
            digests.append(digest)
            tell("looking for copies", len(digests), len(paths))
    return digests


def _record(
    source: str,
    files: ImageFolder,
    digests: Sequence[str],
    assignment: Assignment,
    protocol: Protocol,
    shares: Shares,
    seed: int,
) -> dict[str, Any]:
    rows = [
        {
            "part": part,
            "class": files.classes[files.labels[index]],
            "file": files.paths[index].name,
            "sha256": digests[index],
        }
        for index, part in assignment.parts
    ]
    found = Counter((row["part"], row["class"]) for row in rows)
    counts = {
        part: {name: found[part, name] for name in files.classes if found[part, name]}
        for part in (*PARTS, OOD)
        if any(row["part"] == part for row in rows)
    }
    totals = Counter(files.labels)
    return {
        MADE_WITH: f"nero-dashboard {version('nero-dashboard')}",
        SOURCE: source,
        "protocol": protocol.model_dump(mode="json", exclude_none=True),
        "seed": seed,
        "shares": asdict(shares),
        "found": {name: totals[label] for label, name in enumerate(files.classes)},
        "counts": counts,
        "copies": assignment.copies,
        "dropped_id_ood": assignment.dropped_id_ood,
        "dropped_labels": assignment.dropped_labels,
        "files": rows,
    }


def _warnings(record: Mapping[str, Any], protocol: Protocol) -> list[str]:
    others = protocol.other_counts(record["found"])
    lines = [
        f"{file_name(name)}: expected {expected} images, as published; found {found}."
        for name, (expected, found) in others.items()
    ]
    for key, kind in (
        ("dropped_id_ood", "lie in an ID and in an OOD class"),
        ("dropped_labels", "lie in two classes"),
    ):
        if record[key]:
            lines.append(f"{record[key]} files were left out: copies of them {kind}.")
    if record["copies"]:
        lines.append(f"{record['copies']} files are copies of others; all copies of a file are in one part.")
    return lines
