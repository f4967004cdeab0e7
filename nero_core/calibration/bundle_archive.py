"""A bundle as one file, ``….nero.zip``: packed with the same bytes each time, unpacked with suspicion."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from nero_core.atomic import new_file, new_folder
from nero_core.calibration.bundle_files import check_place
from nero_core.calibration.card import (
    CARD,
    MAX_CARD_BYTES,
    PARTS,
    THUMBNAILS,
    BundleCard,
    most_bytes,
    parse_card,
    read_card,
    unreadable,
)
from nero_core.data.folders import file_digest
from nero_core.errors import BundleError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES
from nero_core.zip_reader import PIECE, ZipError, ZipLimits, check_plain, check_sizes, open_zip, pieces

SUFFIX = ".nero.zip"
#: of the zip; what is not packed cannot be larger than the file
LIMITS = ZipLimits(max_members=200_000, max_directory_bytes=64 * 2**20, max_ratio=1, methods=(zipfile.ZIP_STORED,))
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODE = 0o100644 << 16  # a plain file that everybody may read


def pack_bundle(folder: str | Path, file: str | Path) -> None:
    """Write a bundle as one zip. Nothing in it is compressed, sorted or dated by chance: equal bundles, equal bytes.

    An older bundle of this name is replaced in one move; any other file stays.

    Args:
        folder: the bundle, whose digests are checked on the way.
        file: where to; its name ends in ``.nero.zip``.

    Raises:
        BundleError: the folder is no bundle, one of its files is missing or altered, ``file`` is there and no packed
            bundle, or the zip cannot be written.
    """
    folder, file = Path(folder), Path(file)
    if not file.name.endswith(SUFFIX) or file.name == SUFFIX:
        raise BundleError(f"Expected a file name that ends in {SUFFIX}. Found {file.name!r}. Rename it.")
    card, digest = read_card(folder)
    if len(card.files) >= LIMITS.max_members:
        raise BundleError(
            f"Expected fewer than {LIMITS.max_members} files in {folder}. Found {len(card.files)}. "
            "Calibrate on fewer images."
        )
    _check_replaceable(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            new_file(file) as part,
            zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=True) as archive,
        ):
            for name, expected in sorted({CARD: digest, **card.files}.items()):
                _pack(archive, folder, name, expected)
    except OSError as error:
        raise BundleError(
            f"Expected to pack {folder} as {file}. Found: {error.strerror or error}. Check the paths and the rights."
        ) from error


def unpack_bundle(file: str | Path, folder: str | Path) -> BundleCard:
    """Make a bundle folder of a file that ``pack_bundle`` wrote, once everything in it has been checked.

    Only the files that a valid card lists are taken, each within its size and with its digest; they are written to a
    hidden folder beside the place, and get there in one move. The very bundle being there already, whole, is fine.

    Raises:
        BundleError: the file is no such zip or was altered, or the folder holds anything else, or this bundle damaged.
    """
    file, folder = Path(file), Path(folder)
    place = folder.resolve()
    try:
        with _opened(file) as (archive, entries):
            described = io.BytesIO()
            _copy(pieces(archive, entries[CARD], MAX_CARD_BYTES), described.write)
            card, digest = parse_card(described.getvalue(), f"{CARD} in {file.name}")
            if folder.is_dir() and (folder / CARD).is_file() and read_card(folder)[1] == digest:
                _check_whole(folder, card)
                return card
            _check_free(folder)
            _check_listed(file, entries, card)
            with new_folder(place) as part:
                (part / THUMBNAILS).mkdir(parents=True)
                (part / CARD).write_bytes(described.getvalue())
                for name, expected in card.files.items():
                    with (part / name).open("xb") as target:
                        actual = _copy(pieces(archive, entries[name], most_bytes(name)), target.write)
                    _compare(name, file, expected, actual)
    except OSError as error:
        if not file.is_file():
            raise unreadable(file, error) from error
        raise BundleError(
            f"Expected to unpack {file.name} to {folder}. Found: {error.strerror or error}. Choose another folder."
        ) from error
    return card


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """The zip and its members by name: plain files, none of them packed, one after the other.

    Raises:
        BundleError: it is no such zip, or a member that is read in the block is damaged.
        OSError: the file cannot be read.
    """
    try:
        with file.open("rb") as raw, open_zip(raw, LIMITS) as archive:
            listed = archive.infolist()
            for info in listed:
                check_plain(info, LIMITS)
            check_sizes(listed, file.stat().st_size, LIMITS)
            entries = {info.filename: info for info in listed}
            if CARD not in entries:
                raise _no_bundle(file, f"no {CARD} in it")
            if len(entries) != len(listed):
                raise _no_bundle(file, "a name twice")
            yield archive, entries
    except ZipError as fault:
        raise _in_words(fault, file) from fault


def _in_words(fault: ZipError, file: Path) -> BundleError:
    """The fault of a zip as a sentence."""
    if fault.kind == "longer":
        return BundleError(
            f"Expected {fault.member} of at most {fault.expected} bytes. Found more. Copy the whole bundle again."
        )
    texts = {
        "cut": "no zip, or one that is cut short",
        "directory": f"a table of contents above {LIMITS.max_directory_bytes} bytes",
        "members": f"a table of contents with more than {LIMITS.max_members} files",
        "method": "compressed or encrypted entries",
        "encrypted": "compressed or encrypted entries",
        "ratio": "entries that are larger than the file",
        "shared": "entries that share their bytes",
        "link": f"a link ({fault.member[:80]!r})",
        "special": f"a special file ({fault.member[:80]!r})",
    }
    return _no_bundle(file, texts.get(fault.kind, f"a damaged file in it ({fault.member[:80]!r})"))


def _pack(archive: zipfile.ZipFile, folder: Path, name: str, expected: str) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, _MODE  # Unix, wherever it is packed
    source = folder / name
    if not source.is_file():
        raise BundleError(f"Expected {name} in {folder}. Found no such file. Copy the whole bundle again.")
    info.file_size = source.stat().st_size
    if info.file_size > MAX_WEIGHT_BYTES:
        raise BundleError(
            f"Expected {name} of at most {MAX_WEIGHT_BYTES} bytes. Found more. Copy the whole bundle again."
        )
    with source.open("rb") as content, archive.open(info, "w") as target:
        _compare(name, folder, expected, _copy(iter(partial(content.read, PIECE), b""), target.write))


def _check_listed(file: Path, entries: dict[str, zipfile.ZipInfo], card: BundleCard) -> None:
    names = {CARD, *card.files}
    different = sorted(entries.keys() ^ names)
    if different:
        fault = "missing" if different[0] in names else "foreign"
        raise _no_bundle(file, f"a {fault} file (first: {different[0][:80]!r})")


def _check_replaceable(file: Path) -> None:
    """See that a bundle may be written here, where an older one may go but nothing else."""
    if not file.exists():
        return
    try:
        with _opened(file) as (_, entries):
            names = entries.keys() - {CARD, *PARTS}
        is_bundle = all(name.startswith(f"{THUMBNAILS}/") for name in names)
    except (OSError, BundleError):
        is_bundle = False
    if not is_bundle:
        raise BundleError(
            f"Expected nothing at {file}, or an older bundle in one file. Found something else. Name another file."
        )


def _check_whole(folder: Path, card: BundleCard) -> None:
    """See that a folder with the card holds also the files that the card lists."""
    for name, expected in card.files.items():
        path = folder / name
        if not path.is_file() or file_digest(path) != expected:
            raise BundleError(
                f"Expected the files of {folder} to be those that its card lists. Found {name} altered or missing: "
                "this bundle is damaged; remove it first."
            )


def _check_free(folder: Path) -> None:
    check_place(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise BundleError(f"Expected {folder} to be empty or not there. Found another bundle. Choose another folder.")


def _copy(content: Iterable[bytes], write: Callable[[bytes], object]) -> str:
    """The sha256 of what was copied."""
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
        write(piece)
    return digest.hexdigest()


def _compare(name: str, source: Path, expected: str, actual: str) -> None:
    if actual != expected:
        raise BundleError(
            f"Expected sha256 {expected[:12]}… for {name} in {source.name}. Found {actual[:12]}…: the file was altered "
            "or cut short. Copy the whole bundle again."
        )


def _no_bundle(file: Path, actual: str) -> BundleError:
    return BundleError(
        f"Expected {file.name} to be a bundle in one file, as nero pack writes it. Found {actual}. Pack it again."
    )
