"""What a benchmark leaves: every method on the same images, each figure with its interval.

The records are what ``results.json`` holds. pydantic checks types, ranges, and that the parts fit together, whether a
record is made here or read from a file.
"""

from collections.abc import Sequence
from dataclasses import field, fields
from types import MappingProxyType
from typing import Annotated

import torch
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from nero_core.benchmark.fields import (
    Count,
    Fixed,
    IdScores,
    Name,
    OodLabels,
    OodScores,
    Positive,
    Seconds,
    Setting,
    Sha256,
    Share,
    Whole,
)
from nero_core.version import PROGRAM

MAX_METHODS = 1000  # many times the catalog; the figures of each are computed again on reading
LIBRARIES = (PROGRAM, "torch", "torchvision", "timm", "pytorch-ood", "pillow", "numpy")  # figures depend on
_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Interval:
    """A figure and its bootstrap 95 % percentile interval; shares in [0, 1].

    Attributes:
        value: the figure on the images themselves.
        low: 2.5th percentile over the resamples.
        high: 97.5th percentile.
    """

    value: Share
    low: Share
    high: Share

    @model_validator(mode="after")
    def _in_order(self) -> "Interval":
        if self.low > self.high:
            raise ValueError("an interval whose low end is above its high end")
        return self


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Figures:
    """How well one method's scores separate ID from OOD; see ``nero_core.metrics`` for the formulas.

    Attributes:
        auroc: probability that an OOD image scores above an ID image, ties counting half; 0.5 = guessing.
        aupr_in: area under precision over recall by trapezoids, with ID as the positive class; guessing gives the
            share of ID images.
        aupr_out: the same with OOD as the positive class.
        fpr95_id_positive: share of OOD images accepted at the threshold that accepts 95 % of ID; NERO's figure.
        fpr95_ood_positive: share of ID images rejected at the threshold that rejects 95 % of OOD.
    """

    auroc: Interval
    aupr_in: Interval
    aupr_out: Interval
    fpr95_id_positive: Interval
    fpr95_ood_positive: Interval

    def items(self) -> tuple[tuple[str, Interval], ...]:
        """Name and interval of each figure, in the order above."""
        return tuple((each.name, getattr(self, each.name)) for each in fields(self))


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Tiers:
    """Which image lists are in which tier of OpenMIBOOD; see ``nero_core.benchmark.tiers``. The ID list has no name.

    Attributes:
        csid: lists of covariate-shifted ID images: the last entries of ``id_classes``, and of the scores of ID images.
        near: lists of near-OOD images, entries of ``ood_classes``.
        far: the same of far-OOD images.
        left_out: what the lists name that was not read, in sentences; none where they were read whole.
    """

    csid: tuple[Name, ...]
    near: tuple[Name, ...]
    far: tuple[Name, ...]
    left_out: tuple[str, ...] = ()

    def items(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Name and lists of each tier that has some, in the order above."""
        every = (("csid", self.csid), ("near", self.near), ("far", self.far))
        return tuple((name, lists) for name, lists in every if lists)

    @property
    def lists(self) -> tuple[str, ...]:
        """All lists, tier by tier."""
        return (*self.csid, *self.near, *self.far)


@dataclass(frozen=True, slots=True, config=_CONFIG)
class MethodResult:
    """One method's row. Scores are float64 on the CPU; higher = more OOD.

    Attributes:
        method: name in the catalog.
        family: what its score is made of.
        hyper: the hyper-parameters that it scored with: those given, and those that the fit chose.
        pooled: its figures over all OOD images.
        per_class: its figures on each OOD class against all ID images, by class name.
        rank: place by pooled AUROC, 1 = best; equals share a place.
        fit_seconds: time of the fit; None where it is not kept.
        seconds_per_image: time to score all observed ID images at once, without the forward pass, over their number:
            the median of five runs, or one run where that takes over a second. None where the score needs a second
            pass, whose time a bank does not tell.
        id_scores: score of each ID image; none where they are not kept.
        ood_scores: score of each OOD image; likewise.
        lists: of a benchmark of image lists, the figures of each list against the ID list alone.
        tiers: of such a benchmark, the mean of each figure over the lists of a tier, each list counting once.
    """

    method: Name
    family: str
    hyper: Fixed[Setting]
    pooled: Figures
    per_class: Fixed[Figures]
    rank: Positive
    fit_seconds: Seconds | None
    seconds_per_image: Seconds | None
    id_scores: IdScores
    ood_scores: OodScores
    lists: Fixed[Figures] = field(default_factory=lambda: MappingProxyType({}))
    tiers: Fixed[Figures] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_scores(self) -> bool:
        """Whether the scores behind the figures are there."""
        return len(self.id_scores) > 0


@dataclass(frozen=True, slots=True, config=_CONFIG)
class Skipped:
    """A method that is not in the table, and why."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True, config=_CONFIG)
class BenchmarkResult:
    """Every method on the same images.

    Attributes:
        bundle_title: the bundle's name for the screen.
        bundle_digest: sha256 of its card.
        arch: timm's name of the classifier's architecture.
        fit_images: how many images the methods were fitted on.
        id_name: where the ID images come from.
        ood_name: where the OOD images come from.
        id_digest: sha256 over the digests of the ID images; it names the set.
        ood_digest: the same of the OOD images.
        id_classes: number of ID images of each class.
        ood_classes: number of OOD images of each class.
        ood_labels: class of each OOD image, an index into the order of ``ood_classes``.
        id_accuracy: share of ID images whose class the classifier names; in [0, 1].
        seed: of the resamples.
        replicates: number of resamples behind each interval.
        device: where the methods were timed, in words, with the CPU's threads; empty where no times are kept.
        methods: by rank.
        skipped: methods that could not take part.
        made_with: versions of the libraries.
        tiers: of the image lists that the images come from; None where they come from class folders.
    """

    bundle_title: str
    bundle_digest: Sha256
    arch: str
    fit_images: Count
    id_name: str
    ood_name: str
    id_digest: Sha256
    ood_digest: Sha256
    id_classes: Fixed[Count]
    ood_classes: Fixed[Count]
    ood_labels: OodLabels
    id_accuracy: Share
    seed: Whole
    replicates: Positive
    device: str
    methods: Annotated[tuple[MethodResult, ...], Field(min_length=1, max_length=MAX_METHODS)]
    skipped: tuple[Skipped, ...]
    made_with: Fixed[str]
    tiers: Tiers | None = None

    @property
    def id_size(self) -> int:
        """Number of ID images."""
        return sum(self.id_classes.values())

    @property
    def id_list_size(self) -> int:
        """Number of ID images without those of covariate-shifted lists."""
        return self.id_size - sum(self.id_classes[name] for name in (self.tiers.csid if self.tiers else ()))

    @property
    def ood_size(self) -> int:
        """Number of OOD images."""
        return sum(self.ood_classes.values())

    @model_validator(mode="after")
    def _fit_together(self) -> "BenchmarkResult":
        counts = list(self.ood_classes.values())
        if len(self.ood_labels) and (highest := int(self.ood_labels.max())) >= len(counts):
            raise ValueError(f"an OOD label {highest} of {len(counts)} classes")
        if torch.bincount(self.ood_labels.cpu(), minlength=len(counts)).tolist() != counts:
            raise ValueError("OOD labels and counts of the OOD classes that differ")
        if not len(self.ood_labels) or not self.id_size:
            raise ValueError("no ID images, or no OOD images")
        present = {name for name, count in self.ood_classes.items() if count}
        for method in self.methods:
            if (len(method.id_scores), len(method.ood_scores)) not in ((self.id_size, self.ood_size), (0, 0)):
                raise ValueError(f"not one score of {method.method[:40]} for each image")
            if set(method.per_class) != present:
                raise ValueError(f"figures of {method.method[:40]} for other OOD classes than there are")
        self._check_tiers()
        if len({method.method for method in self.methods}) < len(self.methods):
            raise ValueError("a method twice")
        if [method.rank for method in self.methods] != _places([method.pooled.auroc.value for method in self.methods]):
            raise ValueError("methods whose ranks are not 1 … n by falling AUROC, equals sharing the better place")
        return self

    def _check_tiers(self) -> None:
        tiers = Tiers((), (), ()) if self.tiers is None else self.tiers
        if len(set(tiers.lists)) < len(tiers.lists):
            raise ValueError("an image list in two tiers")
        if tuple(self.id_classes)[len(self.id_classes) - len(tiers.csid) :] != tiers.csid:
            raise ValueError("lists of covariate-shifted ID images that are not the last ID classes")
        if self.tiers is not None and {*tiers.near, *tiers.far} != set(self.ood_classes):
            raise ValueError("near and far lists that are not the OOD classes")
        counts = {**self.id_classes, **self.ood_classes}
        if self.tiers is not None and not (self.id_list_size and all(counts[name] for name in tiers.lists)):
            raise ValueError("an image list without images")
        for method in self.methods:
            if set(method.lists) != set(tiers.lists) or set(method.tiers) != set(dict(tiers.items())):
                raise ValueError(f"figures of {method.method[:40]} for other image lists than there are")


def _places(falling: Sequence[float]) -> list[int]:
    """Rank of each value of a list that falls; 0 where it rises."""
    places: list[int] = []
    for index, value in enumerate(falling):
        before = falling[index - 1] if index else float("inf")
        places.append(0 if value > before else places[-1] if value == before else index + 1)
    return places
