"""What part of the score axis is drawn."""

from dataclasses import replace

import pytest
import torch

from nero_core.figures import method_domain, score_domain
from nero_core.types import ReferenceScores


@pytest.fixture
def reference() -> ReferenceScores:
    """300 calibration scores from 0 to 4, of which one lies at 1000, and 100 of the OOD bank from 2 to 8."""
    calibration = torch.linspace(0, 4, 300, dtype=torch.float64)
    calibration[-1] = 1000.0
    ood = torch.linspace(2, 8, 100, dtype=torch.float64)
    return ReferenceScores(
        detector="nero",
        calibration=calibration,
        calibration_labels=torch.zeros(300, dtype=torch.int64),
        ood=ood,
        ood_labels=torch.zeros(100, dtype=torch.int64),
        threshold=3.8,
        tpr=0.95,
    )


def test_the_longest_tail_is_left_out_and_the_rest_is_inside(reference: ReferenceScores):
    low, high = score_domain(reference, 1.0)
    assert low < 0
    assert 7 < high < 10


@pytest.mark.parametrize(("score", "is_inside"), [(-3.0, True), (3.8, True), (12.0, True), (500.0, False)])
def test_an_image_is_inside_unless_the_rest_would_shrink_to_a_line(
    reference: ReferenceScores, score: float, is_inside: bool
):
    low, high = score_domain(reference, score)
    assert (low < score < high) == is_inside
    assert low < reference.threshold < high


def test_equal_scores_everywhere_do_not_break_the_axis(reference: ReferenceScores):
    flat = replace(reference, calibration=reference.calibration * 0, ood=None, ood_labels=None, threshold=0.0)
    assert score_domain(flat, 0.0) == (-1.0, 1.0)


def test_a_method_among_others_has_both_groups_without_their_tails_and_its_threshold():
    inside, outside = torch.linspace(0, 1, 1000).double(), torch.linspace(1, 3, 1000).double()
    inside[-1], outside[0] = 500.0, -500.0
    low, high = method_domain(inside, outside)
    assert -0.2 < low < 0.01
    assert 2.5 < high < 3
    assert method_domain(inside, outside, 7.0)[1] > 7
    assert method_domain(inside, outside, -7.0)[0] < -7


def test_a_method_that_gives_one_score_has_an_axis():
    same = torch.full((5,), 2.0)
    assert method_domain(same, same, 2.0) == (1.0, 3.0)
