"""What a method says of images, and what it says of the reference images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, isfinite
from types import MappingProxyType
from typing import Literal, NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

Verdict = Literal["like", "borderline", "unlike"]

VERDICT = "verdict"  # the method that tests twice, see `nero_core.calibration.verdict`
#: its two tests, and what they are called in the terms of a `Detection`
TESTS: Mapping[str, str] = MappingProxyType({"nero": "nero", "nero_deep": "deep"})
STAGE_PART = "part "  # before the name of a stage
STAGE_LESS = "less "
MOST = 0.9  # of an image: other kinds of pictures are nearly wholly unlike, findings never
FOREIGN_LEVEL = 5  # at the level of the verdict itself, lesions with dye would be called foreign too


class Limits(NamedTuple):
    """What one image was held against.

    Attributes:
        threshold: score above which it is called OOD; infinite where too few images were calibrated on.
        calibration_size: n, the number of calibration scores behind its p-value.
        smallest_p: the smallest p-value that these can give.
    """

    threshold: float
    calibration_size: int
    smallest_p: float

    @property
    def can_reject(self) -> bool:
        """Whether any score is rejected."""
        return isfinite(self.threshold)


@dataclass(frozen=True, slots=True)
class ClassLimits:
    """What each image of a batch was held against: the calibration images of the class that is predicted for it.

    Attributes:
        threshold: infinite where the class has too few calibration images for the tpr.
        calibration_size: calibration images of which the same class is predicted.
        smallest_p: the smallest p-value that these can give.
    """

    threshold: Float[Tensor, " batch"]
    calibration_size: Int[Tensor, " batch"]
    smallest_p: Float[Tensor, " batch"]


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's answer for a batch. **Higher score = more OOD, everywhere.** All tensors are on the CPU.

    Attributes:
        detector: name in the catalog.
        score: the detector's score.
        threshold: score above which an image is called OOD.
        is_ood: ``score > threshold``.
        p_value: conformal p-value in [1/(n+1), 1]; small = unlike the n calibration images.
        predicted: predicted class index.
        confidence: softmax probability of the predicted class, in [0, 1].
        calibration_size: n, the number of calibration scores behind the p-value.
        tpr: share of ID images that the threshold was set to accept, in (0, 1).
        terms: parts of the score. For NERO ``distance``, ``bias``, ``scale``, ``nearest`` (class index), each
            ``batch``, with score = (distance + bias) · scale; and ``share`` ``batch neurons``, which sums to
            ``distance``. For NERO+ ``distance`` (the score), ``nearest`` and ``share``. For NERO at all depths the
            part of each stage, ``part layer2``, which sum to the score, and the share of its distance that is less than
            usual, ``less layer2``. For the verdict ``p_nero`` and ``p_deep``,
            ``score_nero`` and ``score_deep``, these parts, and ``p_early`` of the earliest stage alone.
            Empty for detectors whose score is one number.
        borderline: share of ID images that is to be called like, in [0, tpr]; None = ``2·tpr − 1``.
        smallest_p: the smallest p-value that the n calibration images can give; None = ``1/(n + 1)``.
        by_class: None, or what each image was held against within its predicted class. Score, p-value and ``is_ood``
            are then those within the class; ``threshold`` and ``calibration_size`` stay those of all classes, and
            ``limits`` gives what counts.
    """

    detector: str
    score: Float[Tensor, " batch"]
    threshold: float
    is_ood: Bool[Tensor, " batch"]
    p_value: Float[Tensor, " batch"]
    predicted: Int[Tensor, " batch"]
    confidence: Float[Tensor, " batch"]
    calibration_size: int
    tpr: float
    terms: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    borderline: float | None = None
    smallest_p: float | None = None
    by_class: ClassLimits | None = None

    def verdict(self, index: int) -> Verdict:
        """Three words for one image, by two rates: ``unlike`` above the threshold, which ``tpr`` of ID images pass;
        ``borderline`` when it is accepted, but at the lower rate would not be, ``p ≤ 1 − like_rate``; else ``like``."""
        if bool(self.is_ood[index]):
            return "unlike"
        return "borderline" if float(self.p_value[index]) <= 1 - self.like_rate + 1e-12 else "like"

    @property
    def like_rate(self) -> float:
        """Share of ID images that is called like, at least; where none was asked for, twice as many are not as are
        rejected."""
        return max(0.0, 2 * self.tpr - 1) if self.borderline is None else self.borderline

    def limits(self, index: int) -> Limits:
        """Threshold, number of calibration images and smallest p-value that count for one image."""
        if self.by_class is None:
            smallest = 1 / (self.calibration_size + 1) if self.smallest_p is None else self.smallest_p
            return Limits(self.threshold, self.calibration_size, smallest)
        own = self.by_class
        return Limits(float(own.threshold[index]), int(own.calibration_size[index]), float(own.smallest_p[index]))

    @property
    def enough(self) -> int:
        """Calibration images with which some score is surely rejected: ``⌈tpr/(1 − tpr)⌉``; to test twice, where two of
        them may be first, ``⌈3/(1 − tpr)⌉ − 1``."""
        if self.detector == VERDICT:
            return ceil(3 / (1 - self.tpr) - 1e-9) - 1
        return ceil(self.tpr / (1 - self.tpr) - 1e-9)

    def as_high(self, index: int) -> int:
        """How many calibration images score as high as one image, or higher: what its p-value counts."""
        return max(0, round(float(self.p_value[index]) * (self.limits(index).calibration_size + 1)) - 1)

    @property
    def stage_parts(self) -> dict[str, Float[Tensor, " batch"]]:
        """What each stage adds to the score of all depths, the earliest first; empty for other methods."""
        return {name.removeprefix(STAGE_PART): part for name, part in self.terms.items() if name.startswith(STAGE_PART)}

    @property
    def stage_less(self) -> dict[str, Float[Tensor, " batch"]]:
        """The share of each stage's distance that is less than usual, of ``DeepTerms.less``, the earliest first; empty
        for other methods."""
        return {name.removeprefix(STAGE_LESS): part for name, part in self.terms.items() if name.startswith(STAGE_LESS)}

    def parts(self, index: int) -> dict[str, dict[str, float]]:
        """Score and p-value of the two tests behind the verdict on one image, by their names in the catalog; empty for
        a single method."""
        if self.detector != VERDICT:
            return {}
        return {
            name: {
                "score": float(self.terms[f"score_{part}"][index]),
                "p_value": float(self.terms[f"p_{part}"][index]),
            }
            for name, part in TESTS.items()
        }

    def is_foreign(self, index: int, unlike: float = 1.0) -> bool:
        """Whether one image is probably another kind of picture: the verdict rejects it, its earliest stage alone does
        so too, at a fifth of the level, and most of it is unlike the reference images. A finding is a part of it.

        Args:
            index: of the image.
            unlike: share of the image that is unlike, ``Unlikeness.share``; 1 where it is not known.
        """
        early = self.terms.get("p_early")
        level = (1 - self.tpr) / FOREIGN_LEVEL
        if early is None or not bool(self.is_ood[index]) or unlike < MOST:
            return False
        return float(early[index]) <= level + 1e-12

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """One detector's scores over the bundle's banks, for the histogram. All tensors are on the CPU.

    Attributes:
        detector: name in the catalog.
        calibration: scores of the calibration images (ID, never fitted on).
        calibration_labels: their class indices, into the bundle's ``class_names``.
        ood: scores of the OOD bank, or None where the bundle has none.
        ood_labels: their class indices, into the bundle's ``ood_class_names``.
        threshold: score above which an image is called OOD; infinite where they are of one class that has too few.
        tpr: share of ID images that the threshold was set to accept.
    """

    detector: str
    calibration: Float[Tensor, " calibration"]
    calibration_labels: Int[Tensor, " calibration"]
    ood: Float[Tensor, " ood"] | None
    ood_labels: Int[Tensor, " ood"] | None
    threshold: float
    tpr: float
