"""Scores held against calibration scores: verdict, p-value and what stands beside them."""

import pytest
import torch
from torch import Tensor

from nero_core.calibration.detection import detect_by_scores, reference_scores, score_in_terms
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.detectors.catalog import build_detector
from nero_core.errors import CalibrationError
from nero_core.types import Head

CALIBRATION = torch.arange(1, 40, dtype=torch.float64)  # 39 images
PROBABILITIES = torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]])


def test_a_score_is_rejected_exactly_where_its_p_value_is_at_most_the_rejected_share() -> None:
    score = torch.tensor([3.0, 38.0, 38.5], dtype=torch.float64)
    detection = detect_by_scores("some", score, {"distance": score}, PROBABILITIES, CALIBRATION, 0.95)
    assert detection.threshold == 38.0 and detection.is_ood.tolist() == [False, False, True]
    assert torch.equal(detection.is_ood, detection.p_value <= 0.05)
    assert detection.predicted.tolist() == [1, 0, 0] and detection.confidence.tolist() == pytest.approx([0.8, 0.9, 0.5])
    assert (detection.detector, detection.calibration_size, detection.tpr) == ("some", 39, 0.95)
    assert detection.terms["distance"] is score
    with pytest.raises(TypeError):
        detection.terms["distance"] = score


def test_a_score_that_is_not_a_number_is_rejected() -> None:
    score = torch.tensor([torch.nan, torch.inf, 0.0], dtype=torch.float64)
    detection = detect_by_scores("some", score, {}, PROBABILITIES, CALIBRATION, 0.95)
    assert detection.is_ood.tolist() == [True, True, False]
    assert detection.p_value.tolist() == pytest.approx([1 / 40, 1 / 40, 1.0])


def test_too_few_calibration_images_are_refused() -> None:
    with pytest.raises(CalibrationError, match="at least 19 calibration images"):
        detect_by_scores("some", torch.zeros(3).double(), {}, PROBABILITIES, CALIBRATION[:10], 0.95)


@pytest.fixture
def fitted() -> tuple[Head, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    head = Head(torch.randn(3, 12, generator=generator), torch.randn(3, generator=generator))
    return head, torch.randn(60, 12, generator=generator).relu(), torch.arange(60) % 3


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("nero", {"distance", "bias", "scale", "nearest", "share"}),
        ("nero_plus", {"distance", "nearest", "share"}),
        ("msp", set()),
    ],
)
def test_terms_belong_to_the_score_that_the_method_predicts(
    fitted: tuple[Head, Tensor, Tensor], name: str, wanted: set[str]
) -> None:
    head, features, labels = fitted
    detector = build_detector(name, head).fit_features(features, labels)
    score, terms = score_in_terms(detector, features[:7])
    torch.testing.assert_close(score, detector.predict_features(features[:7]).double())
    assert terms.keys() == wanted
    if "share" in terms:
        torch.testing.assert_close(terms["share"].sum(dim=1).double(), terms["distance"].double())


def test_reference_scores_carry_the_labels_of_both_banks() -> None:
    inside = FeatureBank(torch.zeros(39, 2), torch.arange(39) % 3, tuple(map(str, range(39))))
    outside = FeatureBank(torch.zeros(2, 2), torch.tensor([1, 0]), ("a", "b"))
    far = torch.tensor([50.0, 60.0], dtype=torch.float64)
    reference = reference_scores("some", CALIBRATION, far, (inside, outside), 0.95)
    assert reference.threshold == 38.0 and reference.ood is far and reference.ood_labels is not None
    assert torch.equal(reference.calibration_labels, inside.labels) and reference.ood_labels.tolist() == [1, 0]
    alone = reference_scores("some", CALIBRATION, None, (inside, None), 0.95)
    assert alone.ood is None and alone.ood_labels is None
