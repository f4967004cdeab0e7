"""Writing a prepared dataset, whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nero_core.errors import DatasetError

RECORD, PROTOCOL = "prepare.json", "protocol.toml"
MADE_WITH, SOURCE = "made_with", "source"  # the keys of the record that may differ between two equal sets


def read_record(out: Path) -> dict[str, Any] | None:
    """The record of a set that was prepared here; None where nothing is here yet.

    Raises:
        DatasetError: something else is here.
    """
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
        if not (out / RECORD).is_file():
            found = "other files" if out.is_dir() else "a file"
            raise DatasetError(f"Expected an empty or new folder at {out}. Found {found}. Name another folder.")
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not isinstance(record.get("files"), list):
            raise ValueError("no record")
    except OSError as error:
        found = error.strerror or str(error)
        raise DatasetError(f"Expected a folder to write at {out}. Found: {found}. Name another folder.") from error
    except ValueError as error:
        raise DatasetError(
            f"Expected the record of a prepared set in {out / RECORD}. Found something else. Name another folder."
        ) from error
    return record


def check_same(out: Path, older: Mapping[str, Any], newer: Mapping[str, Any]) -> None:
    """See that the set that is here is the one that would be written, with all its files.

    Raises:
        DatasetError: naming the first thing that differs, or the first file that is gone.
    """
    for key in newer:
        if key not in (MADE_WITH, SOURCE) and older.get(key) != newer[key]:
            shown = [json.dumps(record.get(key), ensure_ascii=False) for record in (newer, older)]
            found = f"one of {key} {shown[1]}" if max(map(len, shown)) <= 80 else f"one whose {key} differ"
            raise DatasetError(f"Expected no other set at {out}. Found {found}. Name another folder, or remove it.")
    for row in newer["files"]:
        if not (out / row["part"] / row["class"] / row["file"]).is_file():
            place = f"{row['part']}/{row['class']}/{row['file']}"
            raise DatasetError(f"Expected a whole set at {out}. Found {place} gone. Remove the folder and run again.")


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """A hidden folder beside ``out``, removed at the end; those that a kill has left behind are removed too.

    Raises:
        DatasetError: the folder cannot be made.
    """
    place = out.resolve()
    folder = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for left in place.parent.glob(f".{_escaped(place.name)}.*.part"):
            if left == folder or not _is_running(left.name.split(".")[-2]):
                shutil.rmtree(left, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        found = error.strerror or str(error)
        raise DatasetError(f"Expected to write beside {out}. Found: {found}. Name another folder.") from error
    try:
        yield folder
    finally:
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
            _link(source, folder / row["part"] / row["class"] / row["file"])
            on_progress(done, len(sources))
        (folder / PROTOCOL).write_text(protocol, encoding="utf-8")
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        (folder / RECORD).write_text(text, encoding="utf-8")
        place = out.resolve()
        if place.is_dir():
            place.rmdir()
        folder.rename(place)
    except OSError as error:
        found = error.strerror or str(error)
        raise DatasetError(f"Expected to write {out}. Found: {found}. Check the disk and its room.") from error


def _link(source: Path, place: Path) -> None:
    if source.is_symlink():
        source = source.resolve()
    try:
        os.link(source, place)
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, place)


def _is_running(number: str) -> bool:
    if os.name != "posix":  # where signal 0 is no question, but Ctrl-C
        return True
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:  # another user's
        return True
    return True


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
