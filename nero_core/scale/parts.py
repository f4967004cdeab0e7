"""The folder of a run: ``run.json``, a Parquet part a unit with one row an image, and ``errors.jsonl``.

A part comes to its place in one move, under a name that its unit determines: a unit that is done twice, by a worker
that was thought dead, gives the same file. What is there is not scored again.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ArrowException, dataset, parquet

from nero_core.atomic import new_file, write_text
from nero_core.datasets.prepare_lock import release, take
from nero_core.errors import BusyError, NeroError
from nero_core.scale.units import Failures, as_text

RUN, ERRORS, LOCK = "run.json", "errors.jsonl", ".lock"
FORMAT = 1  # of the parts; raised when their columns change
PARTS = ("nero", "nero_deep")  # tests of the verdict
_NUMBERS = (
    "confidence",
    "score",
    "threshold",
    "p_value",
    *(f"{part}_{n}" for part in PARTS for n in ("score", "p_value")),
)
_TEXTS = ("file", "source", "sha256", "predicted", "method", "verdict")
COLUMNS = (*_TEXTS[:4], "confidence", "method", "score", "threshold", "p_value", "verdict", "is_ood", *_NUMBERS[4:])
SCHEMA = pa.schema(
    [
        (name, pa.float64() if name in _NUMBERS else pa.bool_() if name == "is_ood" else pa.string())
        for name in (*COLUMNS, "note", "error")
    ]
)


@dataclass(frozen=True, slots=True)
class PartSettings:
    """What every row of a run depends on beside its image.

    Attributes:
        bundle: digest of the bundle.
        version: of this program.
        method: a detector's name, or ``verdict``.
        tpr: share of ID images that should pass.
        borderline: share of ID images to call like; ``2·tpr − 1`` where None.
        by_class: whether the calibration images of the predicted class alone are compared with.
        seed: of everything random.
    """

    bundle: str
    version: str
    method: str
    tpr: float
    borderline: float | None = None
    by_class: bool = False
    seed: int = 0


@contextmanager
def open_run(out: Path, settings: PartSettings) -> Iterator[None]:
    """Hold the folder of a run, made where it is missing, or one that was begun with the same settings.

    Raises:
        BusyError: another run writes to it.
        NeroError: it holds something else, or parts of other settings.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock = take(out / LOCK)
    if lock is None:
        raise BusyError(f"Expected {out} to be free. Found that another run writes to it. Wait, or name another --out.")
    try:
        _check_settings(out, settings)
        for left in out.glob(".part-*.part"):  # of workers that were killed
            left.unlink(missing_ok=True)
        yield
    finally:
        release(lock, out / LOCK)


def write_part(out: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """One part, whole or not at all.

    Raises:
        OSError: there is no room, or no right to write.
    """
    table = pa.Table.from_pylist([{**row, "file": as_text(row["file"])} for row in rows], schema=SCHEMA)
    with new_file(out / name) as part:
        parquet.write_table(table, part)


def known_files(out: Path, again: bool = False) -> set[str]:
    """The sources of all parts; a part that cannot be read is removed.

    Args:
        out: folder of the run.
        again: remove parts with errors too, so that their images are scored again.
    """
    known: set[str] = set()
    for path in sorted(out.glob("part-*.parquet")):
        try:
            table = parquet.read_table(path, columns=["source", "error"])
        except (ArrowException, OSError):  # cut short when the machine lost power
            path.unlink()
            continue
        if again and table["error"].null_count < len(table):
            path.unlink()
        else:
            known.update(table["source"].unique().to_pylist())
    return known


def count_rows(out: Path) -> tuple[int, int]:
    """Rows of all parts, and how many of them are errors."""
    parts = _parts(out)
    return parts.count_rows(), parts.count_rows(filter=dataset.field("error").is_valid())


def write_errors(out: Path, failures: Failures) -> Path | None:
    """Write what could not be scored as JSON lines, ``{"file", "error"}``; no file where all was.

    Args:
        out: folder of the run.
        failures: what has no row: shards that cannot be read, files whose worker died each time.
    """
    place = out / ERRORS
    lines = [_line(file, error) for file, error in failures.items()]
    scanner = _parts(out).scanner(columns=["file", "error"], filter=dataset.field("error").is_valid())
    for batch in scanner.to_batches():
        lines += [_line(row["file"], row["error"]) for row in batch.to_pylist()]
    if not lines:
        place.unlink(missing_ok=True)
        return None
    write_text(place, "".join(sorted(lines)))
    return place


def row_of(record: Mapping[str, Any], source: str, note: str | None) -> dict[str, Any]:
    """A record of ``score_images`` as a row."""
    row = {name: record.get(name) for name in SCHEMA.names} | {"source": as_text(source), "note": note}
    for part, values in record.get("parts", {}).items():
        row |= {f"{part}_{name}": number for name, number in values.items()}
    return row


def _line(file: str, error: str) -> str:
    return json.dumps({"file": as_text(file), "error": as_text(error)}, ensure_ascii=False) + "\n"


def _parts(out: Path) -> Any:  # noqa: ANN401  pyarrow carries no types
    files: Iterable[Path] = sorted(out.glob("part-*.parquet"))
    return dataset.dataset([str(path) for path in files], schema=SCHEMA, format="parquet")


def _check_settings(out: Path, settings: PartSettings) -> None:
    wanted = {"format": FORMAT, **asdict(settings)}
    place = out / RUN
    if not place.exists():
        others = [path.name for path in out.iterdir() if path.name != LOCK]
        if others:
            raise NeroError(f"Expected {out} to be empty or to hold a run. Found {others[0]}. Name another --out.")
        write_text(place, json.dumps(wanted, indent=1) + "\n")
        return
    try:
        there = json.loads(place.read_text("utf-8"))
    except ValueError as error:
        raise NeroError(
            f"Expected {place} to say what the parts were made with. Found no JSON. Name another --out."
        ) from error
    differing = [name for name in wanted if not isinstance(there, dict) or there.get(name) != wanted[name]]
    if differing:
        name = differing[0]
        actual = there.get(name) if isinstance(there, dict) else there
        raise NeroError(
            f"Expected a run with {name} {wanted[name]} in {out}. Found one with {actual}. Give the same options and "
            "the same bundle to go on, or name another --out."
        )
