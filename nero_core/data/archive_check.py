"""What an archive may hold, and what its directory says of it, checked before anything is unpacked."""

import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nero_core.data.archive_names import check_collisions, check_name, is_image, is_nested_archive, lay_out, tally
from nero_core.data.file_kind import other_kind
from nero_core.data.left_out import LeftOut
from nero_core.data.limits import file_name
from nero_core.errors import ArchiveError
from nero_core.spelling import same_name
from nero_core.zip_reader import ZipError, ZipLimits, check_plain, check_sizes, member_name, open_zip

RATIO_FROM = 16 * 2**20  # bytes; below this no ratio is a bomb, and a small black bitmap shrinks a thousandfold
DIRECTORY_BYTES = 256  # of the archive's own directory, a member: 46 and the name, with room to spare


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may cost.

    The defaults hold Kvasir-v2 (8,000 images, 2.3 GB) and GastroVision (8,000, 1.8 GB) with room to spare.

    Attributes:
        max_bytes: of all members together, in bytes once unpacked.
        max_file_bytes: of one member, in bytes once unpacked; as ``decode.Limits``.
        max_ratio: bytes once unpacked per byte in the archive, of all members together; photographs have about 1.
        max_members: files and folders in the archive.
        max_depth: folders above a file.
    """

    max_bytes: int = 20 * 2**30
    max_file_bytes: int = 50 * 2**20
    max_ratio: int = 100
    max_members: int = 200_000
    max_depth: int = 12

    @property
    def zip(self) -> ZipLimits:
        """The part of them that any zip has."""
        return ZipLimits(
            max_members=self.max_members,
            max_directory_bytes=self.max_members * DIRECTORY_BYTES,
            max_bytes=self.max_bytes,
            max_ratio=self.max_ratio,
            ratio_from=RATIO_FROM,
        )


ARCHIVE_LIMITS = ArchiveLimits()


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What an archive holds, by its directory.

    Attributes:
        classes: images of each class folder, by name.
        left_out: files that are not unpacked: no image, hidden, or outside the class folders.
        bytes: of the images, once unpacked.
    """

    classes: Mapping[str, int]
    left_out: LeftOut
    bytes: int

    @property
    def skipped(self) -> int:
        """Number of files that are not unpacked."""
        return self.left_out.total


@contextmanager
def open_archive(source: Path, shown: str, limits: ArchiveLimits) -> Iterator[zipfile.ZipFile]:
    """The archive with its directory read, within limits, and nothing checked yet.

    Raises:
        ArchiveError: the archive is missing, no .zip, truncated or damaged, or has one of the faults that the reader of
            zips finds in the block.
    """
    expected = "a folder or a .zip file"
    try:
        status = source.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device would block or never end
            actual = "a folder" if stat.S_ISDIR(status.st_mode) else "something that is not a regular file"
            raise refusal(shown, "a .zip file", actual, "Name the archive.")
        file = source.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        actual = getattr(error, "strerror", None) or "a path that no file can have"
        raise refusal(shown, expected, actual.lower(), "Check the path and the right to read it.") from error
    with file:
        head = file.read(2048)
        if not head.startswith(b"PK"):  # zipfile would also take a program with an archive at its end
            actual = other_kind(head) if head else "an empty file"
            raise refusal(shown, expected, actual, "Pack the class folders as .zip.")
        try:
            with open_zip(file, limits.zip) as archive:
                yield archive
        except ZipError as fault:
            raise _in_words(fault, shown, limits) from fault


def plan(
    archive: zipfile.ZipFile, source: Path, shown: str, limits: ArchiveLimits
) -> tuple[list[tuple[zipfile.ZipInfo, str]], ArchiveContents]:
    """The members to unpack, each with its ``class/name``, and what they are together.

    Raises:
        ArchiveError: the archive is hostile, beyond the limits, or holds no image.
    """
    infos = archive.infolist()
    for info in infos:
        check_member(info, shown, limits)
    check_sizes(infos, source.stat().st_size, limits.zip)
    files = {member_name(info): info for info in infos if not _is_folder(info)}
    check_collisions([member_name(info) for info in infos if not _is_folder(info)], shown)
    images = [name for name in files if is_image(name)]
    places = lay_out(images, class_name(source))
    if not places:
        actual = "images nowhere but deeper, in the parts of a split" if images else "no image"
        remedy = "Pack the folder whose subfolders are the classes."
        raise refusal(shown, "one subfolder of images a class, or images at the top", actual, remedy)
    members = [(files[name], places[name]) for name in images if name in places]
    classes = Counter(place.split("/")[0] for _, place in members)
    total = sum(info.file_size for info, _ in members)
    left_out = tally(list(files), images, places).record(shown, len(members))
    return members, ArchiveContents(dict(sorted(classes.items())), left_out, total)


def check_member(info: zipfile.ZipInfo, shown: str, limits: ArchiveLimits, may_nest: bool = False) -> None:
    """Refuse a member by its name, kind, password, method of packing or size.

    Args:
        info: the member.
        shown: the archive's name.
        limits: what the archive may cost.
        may_nest: whether it may be an archive itself.

    Raises:
        ArchiveError: naming the archive and the member.
    """
    name = member_name(info)
    check_name(name, shown, limits.max_depth)
    member = f"{shown}: {file_name(name)}"
    check_plain(info, limits.zip)
    if is_nested_archive(name) and not may_nest:
        remedy = "Unpack it and pack its files."
        raise refusal(member, "images", "an archive inside the archive", remedy)
    if info.file_size > limits.max_file_bytes and is_image(name):
        actual = shown_size(info.file_size)
        raise refusal(member, f"a file of at most {shown_size(limits.max_file_bytes)}", actual, "Leave it out.")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.orig_filename.endswith("/") or stat.S_ISDIR(info.external_attr >> 16)


def _in_words(fault: ZipError, shown: str, limits: ArchiveLimits) -> ArchiveError:
    """The fault of a zip as a sentence."""
    amount, member = fault.amount, f"{shown}: {file_name(fault.member)}"
    ratio, again = limits.max_ratio, "Copy or download the archive again."
    match fault.kind:
        case "cut":
            return refusal(shown, "a whole .zip file", "one that is truncated or damaged", "Copy or download it again.")
        case "directory":
            actual = f"a directory of {shown_size(amount)}"
            return refusal(shown, "an archive of fewer files", actual, "Pack fewer files.")
        case "members":
            return refusal(shown, f"at most {limits.max_members:,} files", f"{amount:,}", "Pack fewer files.")
        case "link" | "special":
            actual = "a symbolic link" if fault.kind == "link" else "a special file"
            return refusal(member, "plain files", actual, "Pack the files themselves.")
        case "encrypted":
            return refusal(member, "files without a password", "an encrypted one", "Pack them without a password.")
        case "method":
            actual = f"method {amount} of packing"
            return refusal(member, "files stored or deflated", actual, "Pack it again as a plain .zip.")
        case "bytes":
            remedy = "Unpack it yourself, if you trust it, and name the folder."
            return refusal(shown, f"at most {shown_size(limits.max_bytes)} once unpacked", shown_size(amount), remedy)
        case "ratio":
            remedy = "Images do not shrink so: do not trust this archive."
            expected = f"at most {ratio} times its own size once unpacked"
            return refusal(shown, expected, f"{amount} times as much", remedy)
        case "shared":
            actual = f"two that share bytes ({file_name(fault.member)})"
            return refusal(shown, "files one after the other", actual, "Do not trust this archive.")
        case "damaged":
            return refusal(member, "a file that can be unpacked", "a truncated or damaged one", again)
        case "longer":
            actual = "more bytes than its directory says"
            return refusal(member, "a file within the limits", actual, "Do not trust this archive.")
        case "other size":
            return refusal(member, "a whole file", f"{amount:,} bytes in place of {fault.expected:,}", again)


def refusal(name: str, expected: str, actual: str, remedy: str) -> ArchiveError:
    """An error in the words that all of them have."""
    return ArchiveError(f"{name}: expected {expected}; found {actual}. {remedy}")


def class_name(source: Path) -> str:
    """What images at the top of an archive are named: a folder that begins with a dot would be hidden."""
    return same_name(file_name(source.stem)).lstrip(".") or "images"


def shown_size(count: int) -> str:
    """Bytes in GB or MB."""
    return f"{count / 2**30:.3g} GB" if count >= 2**30 else f"{count / 2**20:.3g} MB"
