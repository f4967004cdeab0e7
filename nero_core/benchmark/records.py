"""What a benchmark leaves: every method on the same images, each figure with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from jaxtyping import Float, Int
from torch import Tensor

LIBRARIES = ("nero-dashboard", "torch", "torchvision", "timm", "pytorch-ood", "pillow", "numpy")  # figures depend on
Setting = bool | int | float | str | None  # of a method, as JSON has it


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its bootstrap 95 % percentile interval; shares in [0, 1].

    Attributes:
        value: the figure on the images themselves.
        low: 2.5th percentile over the resamples.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
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
        return tuple((one.name, getattr(self, one.name)) for one in fields(self))


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One method's row. Scores are float64 on the CPU; higher = more OOD.

    Attributes:
        method: name in the catalog.
        family: what its score is made of.
        hyper: the hyper-parameters that it scored with: those given, and those that the fit chose.
        pooled: its figures over all OOD images.
        per_class: its figures on each OOD class against all ID images, by class name.
        rank: place by pooled AUROC, 1 = best; equals share a place.
        fit_seconds: time of the fit.
        seconds_per_image: time to score all observed ID images at once, without the forward pass, over their number:
            the median of five runs, or one run where that takes over a second. None where the score needs a second
            pass, whose time a bank does not tell.
        id_scores: score of each ID image.
        ood_scores: score of each OOD image.
    """

    method: str
    family: str
    hyper: Mapping[str, Setting]
    pooled: Figures
    per_class: Mapping[str, Figures]
    rank: int
    fit_seconds: float
    seconds_per_image: float | None
    id_scores: Float[Tensor, " id"]
    ood_scores: Float[Tensor, " ood"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A method that is not in the table, and why."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True)
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
        device: where the methods were timed, in words, with the CPU's threads.
        methods: by rank.
        skipped: methods that could not take part.
        made_with: versions of the libraries.
    """

    bundle_title: str
    bundle_digest: str
    arch: str
    fit_images: int
    id_name: str
    ood_name: str
    id_digest: str
    ood_digest: str
    id_classes: Mapping[str, int]
    ood_classes: Mapping[str, int]
    ood_labels: Int[Tensor, " ood"]
    id_accuracy: float
    seed: int
    replicates: int
    device: str
    methods: tuple[MethodResult, ...]
    skipped: tuple[Skipped, ...]
    made_with: Mapping[str, str]

    @property
    def id_size(self) -> int:
        """Number of ID images."""
        return sum(self.id_classes.values())

    @property
    def ood_size(self) -> int:
        """Number of OOD images."""
        return sum(self.ood_classes.values())
