"""Writing a prepared dataset, whole or not at all."""

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nero_core.data.decode import SUFFIXES
from nero_core.data.folders import file_digest
from nero_core.datasets.prepare_lock import take
from nero_core.errors import DatasetError, ImageError

RECORD, PROTOCOL = "prepare.json", "protocol.toml"
MADE_WITH, SOURCE = "made_with", "source"
BROKEN, COPIES_IN_UNUSED = "broken", "copies_in_unused"
OF_THE_SOURCE = frozenset((MADE_WITH, SOURCE, BROKEN, COPIES_IN_UNUSED))  # may differ between two equal sets
LOCK = "lock"  # file in a staging folder that its process holds
HASHERS = 2  # threads


def read_record(out: Path) -> dict[str, Any] | None:
    """The record of a set that was prepared here; None where nothing is here yet.

    Raises:
        DatasetError: something else is here.
    """
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
        if not (out / RECORD).is_file():
            actual = "other files" if out.is_dir() else "a file"
            raise DatasetError(f"Expected an empty or new folder at {out}. Found {actual}. Name another folder.")
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not isinstance(record.get("files"), list):
            raise ValueError("no record")
    except OSError as error:
        actual = error.strerror or str(error)
        raise DatasetError(f"Expected a folder to write at {out}. Found: {actual}. Name another folder.") from error
    except ValueError as error:
        raise DatasetError(
            f"Expected the record of a prepared set in {out / RECORD}. Found something else. Name another folder."
        ) from error
    return record


def check_same(
    out: Path, older: Mapping[str, Any], newer: Mapping[str, Any], on_progress: Callable[[int, int], None]
) -> None:
    """See that the set that is here is the one that would be written, with all its files and their very bytes.

    Raises:
        DatasetError: naming the first thing that differs, or the first file that is gone, altered or new.
    """
    for key in newer:
        if key not in OF_THE_SOURCE and older.get(key) != newer[key]:
            shown = [json.dumps(record.get(key), ensure_ascii=False) for record in (newer, older)]
            actual = f"one of {key} {shown[1]}" if max(map(len, shown)) <= 80 else f"one whose {key} differ"
            raise DatasetError(f"Expected no other set at {out}. Found {actual}. Name another folder, or remove it.")
    rows = {out / row["part"] / row["class"] / row["file"]: row["sha256"] for row in newer["files"]}
    with ThreadPoolExecutor(HASHERS, thread_name_prefix="digest") as pool:
        digests = pool.map(_digest, rows)
        for done, (path, digest) in enumerate(zip(rows, digests, strict=True), 1):
            if digest != rows[path]:
                raise _not_whole(out, path, "altered" if path.is_file() else "gone")
            on_progress(done, len(rows))
    for part in newer["counts"]:
        for path in sorted((out / part).glob("*/**/[!.]*")):
            if path not in rows and path.suffix.lower() in SUFFIXES:
                raise _not_whole(out, path, "added")


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out``, removed at the end; those that a kill has left behind are removed too.

    Its process holds a file in it, so another one, in whatever container, can tell whether it is still needed.

    Raises:
        DatasetError: the folder cannot be made.
    """
    place = out.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_left(place)
        folder, lock = _new_folder(place)
    except OSError as error:
        actual = error.strerror or str(error)
        raise DatasetError(f"Expected to write beside {out}. Found: {actual}. Name another folder.") from error
    try:
        yield folder
    finally:
        lock.close()  # first, since Windows removes no open file
        shutil.rmtree(folder, ignore_errors=True)


def write_set(
    folder: Path,
    out: Path,
    sources: Sequence[Path],
    record: Mapping[str, Any],
    protocol: str,
    on_progress: Callable[[int, int], None],
) -> None:
    """Link the files into ``folder``, or copy them where links cannot be, and put it in the place of ``out``.

    Args:
        folder: in a staging folder.
        out: nothing, or an empty folder.
        sources: the file of each row of ``record["files"]``.
        record: what ``prepare.json`` says.
        protocol: text of the protocol.
        on_progress: told files done and in all.

    Raises:
        DatasetError: a file cannot be written.
    """
    try:
        for part, classes in record["counts"].items():
            for name in classes:
                (folder / part / name).mkdir(parents=True)
        for done, (source, row) in enumerate(zip(sources, record["files"], strict=True), 1):
            place = folder / row["part"] / row["class"] / row["file"]
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(source, place)
            on_progress(done, len(sources))
        (folder / PROTOCOL).write_text(protocol, encoding="utf-8")
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")
        place = out.resolve()
        if place.is_dir():
            place.rmdir()
        folder.rename(place)
    except OSError as error:
        actual = error.strerror or str(error)
        raise DatasetError(f"Expected to write {out}. Found: {actual}. Check the disk and its room.") from error


def _link(source: Path, place: Path) -> None:
    if source.is_symlink():
        source = source.resolve()
    try:
        os.link(source, place)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, place)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except ImageError:
        return ""


def _not_whole(out: Path, path: Path, fault: str) -> DatasetError:
    place = path.relative_to(out).as_posix()
    return DatasetError(f"Expected the whole set at {out}. Found {place} {fault}. Remove the folder and run again.")


def _new_folder(place: Path) -> tuple[Path, IO[bytes]]:
    for number in itertools.count(os.getpid()):  # where a process of another container has taken it, the next one
        folder = place.with_name(f".{place.name}.{number}.part")
        try:
            folder.mkdir()
            lock = take(folder / LOCK)
        except (FileExistsError, FileNotFoundError):
            continue
        if lock is not None:
            return folder, lock
    raise AssertionError("numbers have no end")


def _remove_left(place: Path) -> None:
    """Remove the staging folders of this place whose process has ended: those whose lock nobody holds."""
    pattern = re.compile(rf"\.{re.escape(place.name)}\.\d+\.part")
    for left in place.parent.iterdir():
        if not pattern.fullmatch(left.name) or left.is_symlink():
            continue
        try:
            lock = take(left / LOCK, must_lock=True) if (left / LOCK).is_file() else None
        except OSError:  # another user's, or gone by now
            continue
        if lock is not None:
            with lock:
                shutil.rmtree(left, ignore_errors=True)
