"""What one worker does in one go: a few hundred files, a tar shard, or a row group of a Parquet shard."""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pyarrow import ArrowException, parquet

from nero_core.data.left_out import Tell
from nero_core.data.limits import SUFFIXES
from nero_core.errors import ImageError
from nero_core.score_images import image_paths, no_images_in

TAR, PARQUET = ".tar", ".parquet"
SHARDS = frozenset((TAR, PARQUET))
PART_SIZE = 256  # files a unit: seconds of a GPU, a minute of a core; a multiple of the images of a forward pass
Failures = dict[str, str]  # what cannot be read at all, with the reason


@dataclass(frozen=True, slots=True)
class Unit:
    """Images that are scored by one call of one worker, and written as one part.

    Attributes:
        kind: how its images are had.
        sources: absolute paths: the files, or the one shard.
        group: of a Parquet shard, the row group.
        first: of a Parquet shard, the number of the group's first row.
    """

    kind: Literal["files", "tar", "parquet"]
    sources: tuple[str, ...]
    group: int = 0
    first: int = 0

    @property
    def part(self) -> str:
        """The name of the part's file: of the same unit always the same, so that a retried one replaces it."""
        parts = json.dumps([self.kind, self.sources, self.group]).encode()  # ASCII, also for names that are no text
        return f"part-{hashlib.sha256(parts).hexdigest()[:24]}.parquet"

    def split(self) -> "list[Unit]":
        """A unit for each file; a shard is one."""
        return [Unit(self.kind, (source,), self.group, self.first) for source in self.sources]


def units_in(
    paths: Iterable[Path],
    failures: Failures,
    known: Collection[str] = (),
    size: int = PART_SIZE,
    on_left_out: Tell | None = None,
) -> Iterator[Unit]:
    """The units of files, folders and shards, each file once; what cannot be read at all is added to ``failures``.

    Args:
        paths: images, ``.tar`` and ``.parquet`` shards, or folders of both at any depth.
        failures: what is added to.
        known: files that are left out, as they are written to parts.
        size: files a unit.
        on_left_out: told what a folder holds that is not read.
    """
    files = _files(paths, failures, on_left_out)
    shards: list[str] = []

    def loose() -> Iterator[str]:
        for file in files:
            if Path(file).suffix.lower() in SHARDS:
                shards.append(file)
            elif as_text(file) not in known:
                yield file

    remaining = loose()
    while sources := tuple(islice(remaining, size)):
        yield Unit("files", sources)
    for shard in shards:
        if Path(shard).suffix.lower() == TAR:
            yield Unit("tar", (shard,))
        else:
            yield from _row_groups(shard, failures)


def as_text(name: str) -> str:
    """A file's name as Unicode text: bytes of it that are none are written as ``\\udcff``."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _files(paths: Iterable[Path], failures: Failures, on_left_out: Tell | None) -> Iterator[str]:
    seen: set[str] = set()
    for path in image_paths(map(Path, map(os.path.abspath, paths)), on_left_out, SUFFIXES | SHARDS):
        file = str(path)
        if os.path.isdir(path):  # noqa: PTH112  empty or closed; Path.is_dir raises on a name that is too long
            failures[file] = no_images_in(path)
        elif file not in seen:
            seen.add(file)
            yield file


def _row_groups(shard: str, failures: Failures) -> Iterator[Unit]:
    try:
        with parquet.ParquetFile(shard) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (OSError, ArrowException, ImageError) as error:
        failures[shard] = unreadable_shard(shard, error)
        return
    for group in range(len(rows)):
        yield Unit("parquet", (shard,), group, sum(rows[:group]))


def unreadable_shard(shard: str, error: BaseException | str) -> str:
    """The sentence for a shard that is no shard, or is cut short."""
    actual = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return (
        f"{Path(shard).name}: expected a whole {Path(shard).suffix[1:]} shard; found: {actual}. "
        "Write it again, and score again with --retry-errors."
    )
