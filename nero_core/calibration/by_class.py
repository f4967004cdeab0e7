"""Calibration within the predicted class: a p-value that holds for each class by itself."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nero_core.calibration.threshold import conformal_p_values, threshold_at
from nero_core.calibration.verdict import JointTest, earliest
from nero_core.errors import TooFewImagesError
from nero_core.types import TESTS, ClassLimits, Detection, ReferenceScores

Calibration = JointTest | Float[Tensor, " calibration"]


def detect_by_class(detection: Detection, calibration: Calibration, classes: Int[Tensor, " calibration"]) -> Detection:
    """The same images, each held against the calibration images of its own predicted class (Mondrian).

    With ŷ the predicted class, of calibration images i as of the image x::

        n_ŷ(x) = #{i: ŷ(i) = ŷ(x)}        p(x) = (1 + #{i: ŷ(i) = ŷ(x), S(i) ≥ S(x)}) / (n_ŷ(x) + 1)

    Given its class, x is drawn as the calibration images of that class are, so ``P(p ≤ α | ŷ = c) ≤ α`` for each class
    c and every α; over all classes together only the mean of these is bounded, and a class with high scores pays for
    the others. The classes are those that the classifier predicts: the true one of x is not known, and both sides must
    be sorted by one rule. The smallest p is ``1/(n_ŷ + 1)``: where ``n_ŷ < 1/(1 − tpr) − 1`` nothing is rejected.
    The verdict by two tests is calibrated anew within the class, see `JointTest`, and so is its score.

    Args:
        detection: of the images, against all calibration images.
        calibration: the method's scores of these, or the joint test that made the verdict.
        classes: predicted for them, class indices.

    Reference:
        Vovk, Lindsay, Nouretdinov and Gammerman, Mondrian confidence machine, working paper 4, 2003; Vovk et al.,
        Algorithmic Learning in a Random World, 2005, section 4.5.
    """
    score, p_value = detection.score.clone(), detection.p_value.clone()
    threshold, smallest = torch.full_like(score, inf), torch.ones_like(score)
    size = torch.zeros_like(detection.predicted)
    terms = {name: term.clone() if name.startswith("p_") else term for name, term in detection.terms.items()}
    for predicted in detection.predicted.unique():
        rows, members = detection.predicted == predicted, classes == predicted
        size[rows] = int(members.sum())
        if isinstance(calibration, JointTest):
            own = calibration.select(members)
            scores = {name: detection.terms[f"score_{part}"][rows] for name, part in TESTS.items()}
            early = earliest({name: term[rows] for name, term in detection.terms.items()})
            for name, values in own.terms(scores, early).items():
                terms[name][rows] = values
            score[rows], p_value[rows] = own.score(scores), own.p_values(scores)
            smallest[rows] = own.smallest_p
        else:
            p_value[rows] = conformal_p_values(score[rows], calibration[members])
            smallest[rows] = 1 / (int(members.sum()) + 1)
        threshold[rows] = class_threshold(calibration, members, detection.tpr)
    return replace(
        detection,
        score=score,
        p_value=p_value,
        is_ood=~(score <= threshold),  # a score that is not a number is not accepted
        terms=MappingProxyType(terms),
        by_class=ClassLimits(threshold, size, smallest),
    )


def class_threshold(calibration: Calibration, members: Tensor, tpr: float) -> float:
    """The threshold from some of the calibration images; infinite where they are too few for the tpr.

    Raises:
        CalibrationError: ``tpr`` is outside its range.
    """
    try:
        if isinstance(calibration, JointTest):
            return calibration.select(members).threshold(tpr)
        return threshold_at(calibration[members], tpr)
    except TooFewImagesError:
        return inf


def reference_scores_of_class(
    whole: ReferenceScores,
    calibration: Calibration,
    ood_scores: Mapping[str, Float[Tensor, " ood"]],
    members: Bool[Tensor, " calibration"],
    ood_members: Bool[Tensor, " ood"] | None,
) -> ReferenceScores:
    """The scores of the images of one predicted class, and the threshold within it.

    Args:
        whole: of all classes.
        calibration: as for `detect_by_class`.
        ood_scores: of the OOD bank by test, where the verdict is asked for: its score is one of ranks within the class.
        members: calibration images of which the class is predicted.
        ood_members: the same of the OOD bank; None where there is none.
    """
    inside, outside = whole.calibration[members], None
    if whole.ood is not None and ood_members is not None:
        outside = whole.ood[ood_members]
    if isinstance(calibration, JointTest):
        own = calibration.select(members)
        inside = own.calibration
        if outside is not None:
            outside = own.score({name: values[ood_members] for name, values in ood_scores.items()})
    return replace(
        whole,
        calibration=inside,
        calibration_labels=whole.calibration_labels[members],
        ood=outside,
        ood_labels=None if whole.ood_labels is None else whole.ood_labels[ood_members],
        threshold=class_threshold(calibration, members, whole.tpr),
    )
