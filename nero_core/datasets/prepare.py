"""A published dataset, or any of class folders, split into the folders that training, calibration and benchmark read.

``out/train``, ``out/calibration`` and ``out/test`` hold the ID classes, ``out/ood`` the OOD classes. The OOD images are
in one folder: nothing is fitted or tuned on them, so ``calibrate --ood`` and ``benchmark --ood`` may both read it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nero_core.data.archive import ARCHIVE_LIMITS, ArchiveLimits, check_archive
from nero_core.data.decode import file_name
from nero_core.data.folders import read_folder, tell_each
from nero_core.data.left_out import LeftOut
from nero_core.datasets.prepare_files import check_same, read_record, staging, write_set
from nero_core.datasets.prepare_images import used_images
from nero_core.datasets.prepare_record import make_record, warnings_of
from nero_core.datasets.prepare_source import class_folders, located
from nero_core.datasets.prepare_split import Shares, assign, chosen_parts
from nero_core.datasets.protocol import Protocol

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared dataset.

    Attributes:
        out: its folder.
        counts: images of each class of each part.
        warnings: sentences on files that are not read, on counts that are not the published ones, on files that are
            broken or copies of others, and on a calibration part that is small.
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

    Other counts than published only warn, and so do files that do not decode, which are left out. So is a file that
    lies in two used classes; one that also lies in an unused class is kept, with a warning.

    Args:
        source: the archive, or the folder that holds it or the class folders.
        out: folder to write; made by hard links where possible, so it takes no room on the disk of ``source``, but
            shares its bytes: whoever edits a file in one of them edits both.
        protocol: which class is ID, OOD or unused, and the published counts.
        shares: of the ID images in each part.
        seed: of the shuffle.
        limits: what an archive may cost.
        on_progress: told (stage, done, total).

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, or beyond the limits.
        CalibrationError: the folder holds no class folders, or a class has fewer different images than parts.
        DatasetError: classes are missing or unknown, a class has no image that decodes, the shares do not fit, or
            ``out`` holds something else.
        ImageError: a file of a used class cannot be read at all.
    """
    source, out = Path(source), Path(out)
    tell: Progress = on_progress or (lambda stage, done, total: None)
    chosen_parts(shares)
    older = read_record(out)
    left_out: list[LeftOut] = []
    with (
        staging(out) as stage,
        class_folders(source, tuple(protocol.classes), stage, limits, left_out.append) as root,
    ):
        folder = read_folder(root)
        tell_each((folder,), left_out.append)
        protocol.check_classes(folder.classes)
        images = used_images(folder, protocol, tell)
        assignment = assign(images.files, images.digests, protocol, shares, seed)
        record = make_record(file_name(source.resolve().name), images, assignment, protocol, shares, seed)
        if older is None:
            sources = [images.files.paths[index] for index, _ in assignment.parts]
            write_set(
                stage / "set", out, sources, record, protocol.toml(), lambda done, total: tell("writing", done, total)
            )
        else:
            check_same(out, older, record, lambda done, total: tell("comparing", done, total))
    warnings = (*map(str, left_out), *warnings_of(record, protocol))
    return Prepared(out, record["counts"], warnings, is_new=older is None)


def found_classes(source: str | Path, limits: ArchiveLimits = ARCHIVE_LIMITS) -> dict[str, int]:
    """The class folders of a dataset, each with its number of images; of an archive, by its directory.

    Raises:
        ArchiveError: the archive is missing, damaged, hostile, or beyond the limits.
        CalibrationError: the folder holds no class folders.
    """
    with located(Path(source), limits=limits) as place:
        if not place.is_dir():
            return dict(check_archive(place, limits).classes)
        files = read_folder(place)
    counts = Counter(files.labels)
    return {name: counts[label] for label, name in enumerate(files.classes)}
