"""The images of a unit, one after another, with the reason in place of what cannot be read."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from nero_core.data.limits import SUFFIXES, Limits, check_bytes
from nero_core.data.walk import is_dropping
from nero_core.errors import ImageError
from nero_core.scale.units import Unit, unreadable_shard

Source = Path | bytes | ImageError
ROWS = 32  # of a Parquet shard that are in memory at once


def images_of(unit: Unit, column: str | None = None, limits: Limits = Limits()) -> Iterator[tuple[str, Source]]:
    """The name and the source of each image: ``shard.tar/0001.jpg``, ``shard.parquet#row 12``, or the file's path.

    A shard that is cut short gives the images before the cut, and then one error under its own name.

    Args:
        unit: of ``units_in``.
        column: of a Parquet shard, the one with the images' bytes; the only one that can be where None.
        limits: what each image may cost.
    """
    if unit.kind == "files":
        yield from ((source, Path(source)) for source in unit.sources)
        return
    shard = unit.sources[0]
    rows = _members(shard, limits) if unit.kind == "tar" else _rows(unit, column, limits)
    try:
        yield from rows
    except Exception as error:  # a hostile or half-written file makes readers raise nearly anything
        yield shard, error if isinstance(error, ImageError) else ImageError(unreadable_shard(shard, error))


def _members(shard: str, limits: Limits) -> Iterator[tuple[str, Source]]:
    """The members that are named as images; labels and whatever else a sample has beside its image are passed over."""
    with Path(shard).open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
        for member in iter(tar.next, None):
            tar.members.clear()  # type: ignore[attr-defined]  # else every header that was read stays in memory
            if not member.isreg() or is_dropping(os.path.basename(member.name)):  # noqa: PTH119  no path of ours
                continue
            if os.path.splitext(member.name)[1].lower() not in SUFFIXES:  # noqa: PTH122  as above
                continue
            name = f"{shard}/{member.name}"
            try:
                check_bytes(member.size, Path(member.name).name, limits)
            except ImageError as error:
                yield name, error
                continue
            opened = tar.extractfile(member)
            assert opened is not None  # a regular file
            yield name, opened.read()
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:  # tarfile takes a cut between members for
            raise ImageError(unreadable_shard(shard, "no end-of-archive mark"))  # the end


def _rows(unit: Unit, column: str | None, limits: Limits) -> Iterator[tuple[str, Source]]:
    shard = unit.sources[0]
    with parquet.ParquetFile(shard) as file:
        chosen = _column(file.schema_arrow, shard, column)
        row = unit.first
        for batch in file.iter_batches(ROWS, row_groups=[unit.group], columns=[chosen]):
            values = batch.column(0)
            values = values.field("bytes") if pa.types.is_struct(values.type) else values
            for value in values:
                name, data = f"{shard}#row {row}", value.as_py()
                row += 1
                if data is None:
                    yield name, ImageError(f"{Path(name).name}: expected an image; found no bytes. Fill the row.")
                    continue
                try:
                    check_bytes(len(data), Path(name).name, limits)
                    yield name, data
                except ImageError as error:
                    yield name, error


def _column(schema: Any, shard: str, wanted: str | None) -> str:  # noqa: ANN401  pyarrow carries no types
    """The column of bytes, or of ``{bytes, path}`` as Hugging Face's datasets have it.

    Raises:
        ImageError: there is none of that name, or not just one.
    """
    suited = [field.name for field in schema if _is_bytes(field.type)]
    if wanted is not None and wanted in suited:
        return wanted
    if wanted is None and len(suited) == 1:
        return str(suited[0])
    expected = "one column of images' bytes" if wanted is None else f"a column '{wanted}' of images' bytes"
    raise ImageError(
        f"{Path(shard).name}: expected {expected}; found {', '.join(suited) or 'none'}. Name it by --image-column."
    )


def _is_bytes(kind: Any) -> bool:  # noqa: ANN401  as above
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
