"""Thresholds and conformal p-values."""

import pytest
import torch

from nero_core.calibration import conformal_p_values, threshold_at
from nero_core.errors import CalibrationError

SCORES = torch.rand(300, generator=torch.Generator().manual_seed(0)).double()


def test_p_value_counts_calibration_scores_at_least_as_high() -> None:
    p = conformal_p_values(torch.tensor([-1.0, 2.0, 2.5, 9.0]), torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(p, torch.tensor([4.0, 3.0, 2.0, 1.0]).double() / 4)


def test_the_smallest_p_value_is_one_in_n_plus_one() -> None:
    assert float(conformal_p_values(torch.tensor([99.0]).double(), SCORES)) == pytest.approx(1 / 301)


def test_a_score_that_is_no_number_gets_the_smallest_p_value() -> None:
    assert float(conformal_p_values(torch.tensor([torch.nan]).double(), SCORES)) == pytest.approx(1 / 301)


@pytest.mark.parametrize("tpr", [0.8, 0.9, 0.95, 0.99])
def test_above_the_threshold_means_p_at_most_the_rejected_share(tpr: float) -> None:
    threshold = threshold_at(SCORES, tpr)
    probe = torch.rand(500, generator=torch.Generator().manual_seed(1)).double()
    rejected = conformal_p_values(probe, SCORES) <= 1 - tpr + 1e-12
    assert torch.equal(probe > threshold, rejected)


def test_new_id_images_are_accepted_as_often_as_promised() -> None:
    generator = torch.Generator().manual_seed(2)
    accepted = [
        float(
            (torch.randn(200, generator=generator) <= threshold_at(torch.randn(300, generator=generator)))
            .double()
            .mean()
        )
        for _ in range(200)
    ]
    assert sum(accepted) / len(accepted) == pytest.approx(0.95, abs=0.01)


def test_too_few_calibration_images_say_how_many_are_needed() -> None:
    with pytest.raises(CalibrationError, match=r"at least 99 .* Found 50"):
        threshold_at(SCORES[:50], 0.99)


@pytest.mark.parametrize("tpr", [0.0, 1.0, 1.5])
def test_a_tpr_outside_its_range_is_refused(tpr: float) -> None:
    with pytest.raises(CalibrationError, match="between 0 and 1"):
        threshold_at(SCORES, tpr)


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(CalibrationError, match="finite"):
        threshold_at(torch.tensor([1.0, torch.inf]))
