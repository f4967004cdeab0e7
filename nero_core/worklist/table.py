"""A worklist as a table: CSV, JSON or Parquet, of the same columns and rows."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from nero_core.errors import StoreError
from nero_core.store import Item, Store, all_items, discoveries, record
from nero_core.worklist.duplicates import Duplicates, near_duplicates
from nero_core.worklist.run import RATE

Row = dict[str, Any]
PARTS = ("nero", "nero_deep")  # tests of the verdict
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of a formula (OWASP)


def export(store: Store, number: int, form: str, actor: str, rate: float = RATE) -> bytes:
    """The whole worklist as one file; the audit log tells of it.

    ``adjusted_p`` is the smallest rate at which Benjamini–Hochberg calls the image unlike. ``alike`` is the place of
    the first image that this one is nearly the same as, itself where it stands alone. Places count from 1.

    Args:
        store: where it is.
        number: of the worklist.
        form: a name of ``FORMATS``.
        actor: who asks for it.
        rate: of Benjamini–Hochberg, for ``unlike_at_rate``.

    Raises:
        StoreError: an unknown format, or no such worklist.
    """
    if form not in FORMATS:
        raise StoreError(f"Expected one of {', '.join(FORMATS)}. Found {form[:40]!r}. Choose one of them.")
    rows = _rows(store, number, rate)
    record(store, actor, "export", worklist=number, format=form, images=len(rows))
    return FORMATS[form](rows)


def _rows(store: Store, number: int, rate: float) -> list[Row]:
    called, alike = discoveries(store, number, rate), near_duplicates(store, number)
    items = list(all_items(store, number))
    places = {item.id: item.position + 1 for item in items}
    unlike = frozenset(called.items)
    return [_row(item, called.adjusted.get(item.id), item.id in unlike, alike, places) for item in items]


def _row(item: Item, adjusted: float | None, is_unlike: bool, alike: Duplicates, places: Mapping[int, int]) -> Row:
    result, review = item.result, item.review
    is_scored = result is not None and not result.error
    row: Row = {"place": item.position + 1, "name": item.name or None, "sha256": item.digest, "frame": item.frame}
    row |= {"state": item.state}
    for name in ("predicted", "confidence", "method", "score", "threshold", "p_value", "verdict"):
        row[name] = getattr(result, name) if result is not None and (is_scored or name == "method") else None
    for part in PARTS:
        values = result.parts.get(part, {}) if result is not None else {}
        row |= {f"{part}_score": values.get("score"), f"{part}_p_value": values.get("p_value")}
    row |= {"adjusted_p": adjusted, "unlike_at_rate": is_unlike if is_scored else None}
    row |= {"alike": places.get(alike.first(item.id)), "error": (result.error or None) if result else None}
    for name in ("decision", "verdict", "label", "comment", "reader", "reading"):
        row[f"review_{name}"] = (getattr(review, name) or None) if review is not None else None
    row["reviewed"] = review.at.isoformat() if review is not None and review.at else None
    for name in ("bundle", "model", "code"):
        row[name] = getattr(result, name) if result is not None else None
    row["scored"] = result.at.isoformat() if result is not None and result.at else None
    return row


def _csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["place"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(cell) for name, cell in row.items()} for row in rows)
    return text.getvalue().encode("utf-8")


def _json(rows: list[Row]) -> bytes:
    return (json.dumps(rows, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode("utf-8")


def _parquet(rows: list[Row]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows, schema=_schema(rows)), sink)
    return bytes(sink.getvalue())


def _schema(rows: list[Row]) -> Any:  # noqa: ANN401  pyarrow carries no types
    """One type a column, also where nothing is in it yet."""
    import pyarrow as pa

    whole, numbers = ("place", "frame", "alike"), ("confidence", "score", "threshold", "p_value", "adjusted_p")
    types = dict.fromkeys(whole, pa.int64()) | dict.fromkeys(numbers, pa.float64()) | {"unlike_at_rate": pa.bool_()}
    types |= {f"{part}_{name}": pa.float64() for part in PARTS for name in ("score", "p_value")}
    return pa.schema([(name, types.get(name, pa.string())) for name in (rows[0] if rows else ())])


def _safe(cell: object) -> object:
    """Text that a spreadsheet would compute gets an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


FORMATS: dict[str, Callable[[list[Row]], bytes]] = {"csv": _csv, "json": _json, "parquet": _parquet}
