"""A bundle as one file, ``….nero.zip``: packed with the same bytes each time, unpacked with suspicion."""

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from nero_core.calibration.bundle_files import check_place
from nero_core.calibration.card import (
    BANKS,
    CARD,
    MAX_CARD_BYTES,
    REFERENCES,
    THUMBNAILS,
    BundleCard,
    most_bytes,
    read_card,
    unreadable,
)
from nero_core.data.folders import file_digest
from nero_core.errors import BundleError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES, WEIGHTS

SUFFIX = ".nero.zip"
MAX_DIRECTORY_BYTES = 64 * 2**20  # of the zip's table of contents
MAX_ENTRIES = 200_000  # in it; each becomes an object, and a table of that size could list a million
_ENTRY = b"PK\x01\x02"  # begins each of them
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODE = 0o100644 << 16  # a plain file that everybody may read
_PIECE = 2**20  # bytes read at a time


def pack_bundle(folder: Path, file: Path) -> None:
    """Write a bundle as one zip. Nothing in it is compressed, sorted or dated by chance: equal bundles, equal bytes.

    An older bundle of this name is replaced in one move; any other file stays.

    Args:
        folder: the bundle, whose digests are checked on the way.
        file: where to; its name ends in ``.nero.zip``.

    Raises:
        BundleError: the folder is no bundle, one of its files is missing or altered, ``file`` is there and no packed
            bundle, or the zip cannot be written.
    """
    if not file.name.endswith(SUFFIX) or file.name == SUFFIX:
        raise BundleError(f"Expected a file name that ends in {SUFFIX}. Found {file.name!r}. Rename it.")
    card, digest = read_card(folder)
    if len(card.files) >= MAX_ENTRIES:
        raise BundleError(
            f"Expected fewer than {MAX_ENTRIES} files in {folder}. Found {len(card.files)}. Calibrate on fewer images."
        )
    _check_replaceable(file)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=True) as archive:
            for name, expected in sorted({CARD: digest, **card.files}.items()):
                _pack(archive, folder, name, expected)
        part.replace(file)
    except OSError as error:
        raise BundleError(
            f"Expected to pack {folder} as {file}. Found: {error.strerror or error}. Check the paths and the rights."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def unpack_bundle(file: Path, folder: Path) -> BundleCard:
    """Make a bundle folder of a file that ``pack_bundle`` wrote, once everything in it has been checked.

    Only the files that a valid card lists are taken, each within its size and with its digest; they are written to a
    hidden folder beside the place, and get there in one move. The very bundle being there already, whole, is fine.

    Raises:
        BundleError: the file is no such zip or was altered, or the folder holds anything else, or this bundle damaged.
    """
    place = folder.resolve()
    part = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with _Bounded(file) as raw, zipfile.ZipFile(raw) as archive:
            entries = _entries(file, archive)
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _unpack(archive, entries[CARD], part / CARD, MAX_CARD_BYTES)
            card, digest = _read_card(file, part)
            if folder.is_dir() and (folder / CARD).is_file() and read_card(folder)[1] == digest:
                _check_whole(folder, card)
                return card
            _check_free(folder)
            _check_listed(file, entries, card)
            (part / THUMBNAILS).mkdir()
            for name, expected in card.files.items():
                found = _unpack(archive, entries[name], part / name, most_bytes(name))
                _compare(name, file, expected, found)
        part.rename(place)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:  # of zipfile
        raise _no_bundle(file, str(error)) from error
    except OSError as error:
        if not file.is_file():
            raise unreadable(file, error) from error
        raise BundleError(
            f"Expected to unpack {file.name} to {folder}. Found: {error.strerror or error}. Choose another folder."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return card


class _Bounded(io.FileIO):
    """A file that gives no more at a time than a table of contents may take."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(MAX_DIRECTORY_BYTES + 1 if size is None or size < 0 else min(size, MAX_DIRECTORY_BYTES + 1))
        if len(data) > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"a table of contents above {MAX_DIRECTORY_BYTES} bytes")
        if data.count(_ENTRY) > MAX_ENTRIES:  # before zipfile makes an object of each
            raise zipfile.BadZipFile(f"a table of contents with more than {MAX_ENTRIES} files")
        return data


def _pack(archive: zipfile.ZipFile, folder: Path, name: str, expected: str) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, _MODE  # Unix, wherever it is packed
    source = folder / name
    if not source.is_file():
        raise BundleError(f"Expected {name} in {folder}. Found no such file. Copy the whole bundle again.")
    info.file_size = source.stat().st_size
    with source.open("rb") as content, archive.open(info, "w") as target:
        _compare(name, folder, expected, _copy(content.read, target.write, MAX_WEIGHT_BYTES, name))


def _entries(file: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    entries = {info.filename: info for info in listed}
    if CARD not in entries:
        raise _no_bundle(file, f"no {CARD} in it")
    if len(entries) != len(listed):
        raise _no_bundle(file, "a name twice")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in listed):
        raise _no_bundle(file, "compressed or encrypted entries")
    if sum(info.file_size for info in listed) > file.stat().st_size:  # entries that share their bytes
        raise _no_bundle(file, "entries that are larger than the file")
    return entries


def _read_card(file: Path, folder: Path) -> tuple[BundleCard, str]:
    try:
        return read_card(folder)
    except BundleError as error:  # which names the hidden folder
        raise BundleError(str(error).replace(str(folder / CARD), f"{CARD} in {file.name}")) from error


def _check_listed(file: Path, entries: dict[str, zipfile.ZipInfo], card: BundleCard) -> None:
    names = {CARD, *card.files}
    different = sorted(entries.keys() ^ names)
    if different:
        found = "missing" if different[0] in names else "foreign"
        raise _no_bundle(file, f"a {found} file (first: {different[0][:80]!r})")


def _check_replaceable(file: Path) -> None:
    """See that a bundle may be written here, where an older one may go but nothing else."""
    if not file.exists():
        return
    try:
        with _Bounded(file) as raw, zipfile.ZipFile(raw) as archive:
            names = _entries(file, archive).keys() - {CARD, WEIGHTS, BANKS, REFERENCES}
        is_bundle = all(name.startswith(f"{THUMBNAILS}/") for name in names)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError, BundleError):
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


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int) -> str:
    with archive.open(entry) as content, target.open("xb") as out:
        return _copy(content.read, out.write, most, entry.filename)


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object], most: int, name: str) -> str:
    """The sha256 of what was copied."""
    digest, size = hashlib.sha256(), 0
    while piece := read(_PIECE):
        size += len(piece)
        if size > most:
            raise BundleError(f"Expected {name} of at most {most} bytes. Found more. Copy the whole bundle again.")
        digest.update(piece)
        write(piece)
    return digest.hexdigest()


def _compare(name: str, source: Path, expected: str, found: str) -> None:
    if found != expected:
        raise BundleError(
            f"Expected sha256 {expected[:12]}… for {name} in {source.name}. Found {found[:12]}…: the file was altered "
            "or cut short. Copy the whole bundle again."
        )


def _no_bundle(file: Path, found: str) -> BundleError:
    return BundleError(
        f"Expected {file.name} to be a bundle in one file, as nero pack writes it. Found {found}. Pack it again."
    )
