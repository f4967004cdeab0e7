"""The verdict: NERO and NERO at all depths tested together, at one level for both."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from nero_core.calibration.detection import detect_by_scores
from nero_core.calibration.threshold import conformal_p_values, threshold_at
from nero_core.errors import TooFewImagesError
from nero_core.types import TESTS, VERDICT, Detection
from nero_core.types.detection import STAGE_PART


@dataclass(frozen=True)
class JointTest:
    """What the verdict holds images against: scores of both tests, and of the earliest stage alone, over calibration.

    **One level for two tests.** Each test gives an image a conformal p-value; the smaller of both speaks. Two chances
    to be rejected are more than one, so the smaller p-value is itself held against the calibration images, which had
    the same two chances::

        T(x)  = min_k (1 + #{i: s_k(i) ≥ s_k(x)})        over the tests k, of n calibration images i
        G(i)  = min_k #{j: s_k(j) ≥ s_k(i)}              which counts the image itself
        p(x)  = (1 + #{i: G(i) ≤ T(x)}) / (n + 1)

    If x and the calibration images are drawn alike, ``P(p ≤ α) ≤ α`` for every α: were x among them, its rank would be
    T and that of image i at least G, so p is at least the p-value of the exchangeable ranks. It is a little larger
    than that, by ranks, not by shares. The smallest p is ``(1 + m)/(n + 1)``, where m ≤ 2 is the number of images that
    are first in one of the tests.

    **Score.** ``−ln T/(n + 1)``, ≥ 0; higher = more OOD. Beyond all calibration scores ranks end, and how far beyond is
    added, in standard deviations of the test that is farther: it orders such images, and changes no p-value.

    Attributes:
        scores: of the calibration images, by test.
        early: of the earliest stage alone, over the calibration images; None where there is but one stage.

    Reference: Vovk et al., Algorithmic Learning in a Random World, 2005; the smaller of several p-values calibrated
        anew: Westfall & Young, Resampling-Based Multiple Testing, 1993.
    """

    scores: Mapping[str, Float[Tensor, " calibration"]]
    early: Float[Tensor, " calibration"] | None = None

    @property
    def size(self) -> int:
        """n, the number of calibration images."""
        return len(next(iter(self.scores.values())))

    @cached_property
    def calibration(self) -> Float[Tensor, " calibration"]:
        """``−ln G/(n + 1)`` of the calibration images: what thresholds and p-values of the verdict come from."""
        return self._score(self._own_ranks)

    @cached_property
    def _own_ranks(self) -> Float[Tensor, " calibration"]:
        """G of the calibration images."""
        return torch.stack([_at_least(scores, scores) for scores in self.scores.values()]).amin(dim=0)

    def score(self, scores: Mapping[str, Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
        """The verdict's score of images, from their scores by test; see above."""
        return self._ranked(scores) + self._beyond(scores)

    def detect(
        self,
        scores: Mapping[str, Float[Tensor, " batch"]],
        parts: Mapping[str, Float[Tensor, " batch"]],
        probabilities: Float[Tensor, "batch classes"],
        tpr: float,
    ) -> Detection:
        """The verdict on images.

        Args:
            scores: of the images, by test, float64 on the CPU.
            parts: what each stage adds, as `score_in_terms` names it; the earliest comes first.
            probabilities: softmax output of the images.
            tpr: share of ID images that should pass both tests, in (0, 1).

        Raises:
            TooFewImagesError: too few calibration images for ``tpr``.
        """
        self.threshold(tpr)  # refuses what the plain threshold would not
        terms = {f"score_{TESTS[name]}": values for name, values in scores.items()}
        terms |= self.terms(scores, earliest(parts))
        by_score = detect_by_scores(
            VERDICT, self.score(scores), {**terms, **parts}, probabilities, self.calibration, tpr
        )
        return replace(by_score, p_value=self.p_values(scores), smallest_p=self.smallest_p)

    def terms(
        self, scores: Mapping[str, Float[Tensor, " batch"]], early: Float[Tensor, " batch"] | None
    ) -> dict[str, Float[Tensor, " batch"]]:
        """The p-values of each test and of the earliest stage, as they stand in the terms of a `Detection`."""
        terms = {f"p_{TESTS[name]}": conformal_p_values(values, self.scores[name]) for name, values in scores.items()}
        if early is not None and self.early is not None:
            terms["p_early"] = conformal_p_values(early, self.early)
        return terms

    def p_values(self, scores: Mapping[str, Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
        """p(x), see above."""
        return conformal_p_values(self._ranked(scores), self.calibration)

    def select(self, members: Bool[Tensor, " calibration"]) -> "JointTest":
        """The same tests on some of the calibration images."""
        early = None if self.early is None else self.early[members]
        return JointTest({name: scores[members] for name, scores in self.scores.items()}, early)

    @property
    def smallest_p(self) -> float:
        """``(1 + m)/(n + 1)``, with the m images that are first in a test."""
        return (1 + int((self._own_ranks == 1).sum())) / (self.size + 1)

    def threshold(self, tpr: float) -> float:
        """The score above which an image is rejected, exactly when its p-value is at most ``1 − tpr``.

        Raises:
            TooFewImagesError: too few calibration images for ``tpr``.
        """
        threshold = threshold_at(self.calibration, tpr)
        if threshold >= math.log(self.size + 1) - 1e-12:  # that of the images which are first in a test
            raise TooFewImagesError(
                f"Expected at least {math.ceil(3 / (1 - tpr) - 1e-9) - 1} calibration images to test twice at "
                f"{100 * tpr:.4g} % of ID images that pass. Found {self.size}. Add ID images, choose a lower share, or "
                "take the method nero_plus."
            )
        return threshold

    def _ranked(self, scores: Mapping[str, Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
        ranks = [1 + _at_least(self.scores[name], values) for name, values in scores.items()]
        return self._score(torch.stack(ranks).amin(dim=0))

    def _beyond(self, scores: Mapping[str, Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
        """How far above all calibration scores, in their standard deviations; 0 for all others, and where one image or
        none has no deviation."""
        steps = []
        for name, values in scores.items():
            known = self.scores[name]
            if len(known) < 2:
                steps.append(torch.zeros_like(values))
                continue
            steps.append((values - known.max()).clamp_min(0) / known.std().clamp_min(torch.finfo(known.dtype).tiny))
        return torch.stack(steps).amax(dim=0)

    def _score(self, rank: Tensor) -> Tensor:
        return -(rank / (self.size + 1)).log()


def earliest(parts: Mapping[str, Float[Tensor, " images"]]) -> Float[Tensor, " images"] | None:
    """What the earliest stage alone says, of the terms of NERO at all depths; None where there is but the last."""
    stages = [part for name, part in parts.items() if name.startswith(STAGE_PART)]
    return stages[0] if len(stages) > 1 else None


def _at_least(calibration: Float[Tensor, " calibration"], values: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """How many calibration scores are at least each value, float64; none for NaN, which is no small score."""
    ordered = calibration.sort().values
    below = torch.searchsorted(ordered, values.nan_to_num(torch.inf).contiguous(), side="left")
    return (len(calibration) - below).double()
