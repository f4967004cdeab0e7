"""What ``results.json`` may hold: types, ranges, and that its parts fit together."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]
_Setting = bool | int | FiniteFloat | str | None
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

MAX_METHODS = 1000  # many times the catalog; the figures of each are computed again on reading


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IntervalPart(_Part):
    """An interval of ``records.Interval``."""

    value: _Share
    low: _Share
    high: _Share

    @model_validator(mode="after")
    def _in_order(self) -> "IntervalPart":
        if self.low > self.high:
            raise ValueError("an interval whose low end is above its high end")
        return self


class FiguresPart(_Part):
    """The figures of ``records.Figures``."""

    auroc: IntervalPart
    aupr_in: IntervalPart
    aupr_out: IntervalPart
    fpr95_id_positive: IntervalPart
    fpr95_ood_positive: IntervalPart


class MethodPart(_Part):
    """A row of ``records.MethodResult``."""

    method: Annotated[str, Field(min_length=1)]
    family: str
    hyper: dict[str, _Setting]
    pooled: FiguresPart
    per_class: dict[str, FiguresPart]
    rank: Annotated[int, Field(ge=1)]
    fit_seconds: _Seconds
    seconds_per_image: _Seconds | None
    id_scores: list[FiniteFloat]
    ood_scores: list[FiniteFloat]


class SkippedPart(_Part):
    """A method of ``records.Skipped``."""

    method: str
    reason: str


class ResultFile(_Part):
    """The whole file: ``records.BenchmarkResult``, the kind of file, and the sha256 of all the rest."""

    kind: Literal["nero benchmark"]
    schema_version: int
    digest: _Sha256
    bundle_title: str
    bundle_digest: _Sha256
    arch: str
    fit_images: _Count
    id_name: str
    ood_name: str
    id_digest: _Sha256
    ood_digest: _Sha256
    id_classes: dict[str, _Count]
    ood_classes: dict[str, _Count]
    ood_labels: list[_Count]
    id_accuracy: _Share
    seed: int
    replicates: Annotated[int, Field(ge=1)]
    device: str
    methods: Annotated[list[MethodPart], Field(min_length=1, max_length=MAX_METHODS)]
    skipped: list[SkippedPart]
    made_with: dict[str, str]

    @model_validator(mode="after")
    def _fit_together(self) -> "ResultFile":
        counts = list(self.ood_classes.values())
        found = [0] * len(counts)
        for label in self.ood_labels:
            if label >= len(counts):
                raise ValueError(f"an OOD label {label} of {len(counts)} classes")
            found[label] += 1
        if found != counts:
            raise ValueError("OOD labels and counts of the OOD classes that differ")
        if not self.ood_labels or not any(self.id_classes.values()):
            raise ValueError("no ID images, or no OOD images")
        present = {name for name, count in self.ood_classes.items() if count}
        for one in self.methods:
            if len(one.id_scores) != sum(self.id_classes.values()) or len(one.ood_scores) != len(self.ood_labels):
                raise ValueError(f"not one score of {one.method[:40]} for each image")
            if set(one.per_class) != present:
                raise ValueError(f"figures of {one.method[:40]} for other OOD classes than there are")
        if len({one.method for one in self.methods}) < len(self.methods):
            raise ValueError("a method twice")
        if [one.rank for one in self.methods] != _places([one.pooled.auroc.value for one in self.methods]):
            raise ValueError("methods whose ranks are not 1 … n by falling AUROC, equals sharing the better place")
        return self


def _places(falling: Sequence[float]) -> list[int]:
    """Rank of each value of a list that falls; 0 where it rises."""
    places: list[int] = []
    for index, value in enumerate(falling):
        before = falling[index - 1] if index else float("inf")
        places.append(0 if value > before else places[-1] if value == before else index + 1)
    return places
