"""What a run measured: rows as JSON, one file for the rows of many runs, of which each keeps its newest."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from nero_core.atomic import write_bytes
from nero_core.device import describe_device
from nero_core.errors import NeroError
from nero_core.version import versions

LIBRARIES = ("torch", "timm", "pytorch-ood", "zennit", "zennit-crp", "captum", "streamlit")
BUSY = 0.5  # share of the cores that other programs took before the row


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Amount(_Frozen):
    """A number with its unit: ``s``, ``MB``, ``images/s``, ``µs an image``, or none."""

    value: float
    unit: str = "s"


class Goal(_Frozen):
    """A limit of one of the numbers of a row."""

    is_for: Literal["this", "against", "ratio"]
    sign: Literal["≤", "≥"]
    limit: float


class Circumstances(_Frozen):
    """When, on what and beside what other work something was measured.

    Attributes:
        date: year, month, day.
        machine: processor or card, cores, threads of PyTorch.
        versions: of Python and of the libraries that the figures depend on.
        load: programs that waited for a core before the row, over the number of cores; nan is not known: None.
    """

    date: str
    machine: str
    versions: dict[str, str]
    load: float | None


class Row(_Frozen):
    """One line of the table.

    Attributes:
        step: what was measured, in words; ``A ÷ B`` where there is something to hold it against.
        this: what it took.
        against: what the other took; or a second number of the same step.
        ratio: this ÷ against, median of pairs of runs turn by turn.
        goal: what it should be.
        note: a sentence in place of what could not be measured.
        series: points (images, seconds, megabytes) of a row that was measured at several sizes.
        name: of the step that made it; what ``ROWS`` takes.
        took: seconds for all rows of this step together.
        at: filled in by the run.
    """

    step: str
    this: Amount | None = None
    against: Amount | None = None
    ratio: float | None = None
    goal: Goal | None = None
    note: str = ""
    series: tuple[tuple[float, float, float], ...] = ()
    name: str = ""
    took: float = 0.0
    at: Circumstances | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        measured = self.ratio if self.goal.is_for == "ratio" else getattr(self, self.goal.is_for).value
        return bool(measured <= self.goal.limit if self.goal.sign == "≤" else measured >= self.goal.limit)


class Record(_Frozen):
    """The rows of all steps, in the order of the table."""

    rows: tuple[Row, ...] = ()

    def with_rows(self, rows: Iterable[Row], order: Iterable[str]) -> "Record":
        """These rows in the place of all others of their steps; steps that are no more are left out.

        Args:
            rows: that a run made.
            order: names of all steps.
        """
        by_name: dict[str, list[Row]] = {}
        for row in rows:
            by_name.setdefault(row.name, []).append(row)
        older: dict[str, list[Row]] = {}
        for row in self.rows:
            older.setdefault(row.name, []).append(row)
        return Record(rows=tuple(row for name in order for row in by_name.get(name, older.get(name, ()))))


def timed(step: str, times: tuple[float, float, float], most: float | None = None) -> Row:
    """The row of ``paired``: seconds of both and their ratio, which should be ``most`` at most."""
    goal = None if most is None else Goal(is_for="ratio", sign="≤", limit=most)
    measured, other, ratio = times
    return Row(step=step, this=Amount(value=measured), against=Amount(value=other), ratio=ratio, goal=goal)


def single(step: str, value: float, most: float | None = None, unit: str = "s", against: float | None = None) -> Row:
    """A row of one number, or of two that are not held against each other, of which the first has a goal."""
    return Row(
        step=step,
        this=Amount(value=value, unit=unit),
        against=None if against is None else Amount(value=against, unit=unit),
        goal=None if most is None else Goal(is_for="this", sign="≤", limit=most),
    )


def circumstances(date: str, device: torch.device) -> Circumstances:
    """Those of now."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] / cores if hasattr(os, "getloadavg") else None
    card = "" if device.type == "cpu" else f"{describe_device(device)}, "
    return Circumstances(
        date=date,
        machine=f"{card}{processor()}, {cores} cores, {torch.get_num_threads()} threads",
        versions={"Python": platform.python_version(), **versions(LIBRARIES)},
        load=load,
    )


def processor() -> str:
    """The name of the processor, as far as the system tells it."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        names = [line.split(":", 1)[1].strip() for line in listed.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def read_record(path: Path) -> Record:
    """The record of earlier runs; an empty one where there is none.

    Raises:
        NeroError: the file is not one that ``write_record`` wrote.
    """
    if not path.exists():
        return Record()
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise NeroError(
            f"Expected rows of make bench in {path.name}. Found {error.error_count()} errors, the first: "
            f"{error.errors()[0]['msg']}. Remove the file and measure again."
        ) from error


def write_record(record: Record, path: Path) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, f"{record.model_dump_json(indent=1, exclude_defaults=True)}\n".encode())
