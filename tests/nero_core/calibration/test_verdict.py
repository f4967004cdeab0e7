"""Two tests at one joint level: coverage by simulation, the law of p and threshold, and what is refused."""

import math

import pytest
import torch
from torch import Tensor

from nero_core.calibration.verdict import JointTest
from nero_core.errors import CalibrationError

LIKE = torch.full((1, 3), 1 / 3)


def drawn(images: int, generator: torch.Generator, correlation: float = 0.6) -> dict[str, Tensor]:
    """Scores of two tests that partly agree."""
    common = torch.randn(images, generator=generator, dtype=torch.float64)
    own = torch.randn(2, images, generator=generator, dtype=torch.float64)
    return {
        name: correlation * common + (1 - correlation**2) ** 0.5 * part
        for name, part in zip(("nero", "nero_deep"), own, strict=True)
    }


def on(joint: JointTest, scores: dict[str, Tensor], tpr: float = 0.9):
    probabilities = LIKE.expand(len(scores["nero"]), -1)
    return joint.detect(scores, {}, probabilities, tpr)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 1.0])
def test_the_share_of_id_images_that_pass_both_tests_is_what_was_asked_for(correlation: float) -> None:
    generator = torch.Generator().manual_seed(0)
    rejected, runs, tpr = 0, 400, 0.9
    for _ in range(runs):
        joint = JointTest(drawn(99, generator, correlation))
        rejected += int(on(joint, drawn(50, generator, correlation), tpr).is_ood.sum())
    share = rejected / (runs * 50)
    assert share <= 1 - tpr + 0.006  # of 20,000 images; runs share their calibration, 0.006 are two deviations
    assert share >= 1 - tpr - 0.03  # counting both tests costs a rank or two, not more


def test_an_image_is_rejected_exactly_when_its_p_value_is_at_most_one_less_the_share() -> None:
    generator = torch.Generator().manual_seed(1)
    joint = JointTest(drawn(199, generator))
    for tpr in (0.8, 0.9, 0.95, 0.98):
        found = on(joint, {name: 2 * values for name, values in drawn(500, generator).items()}, tpr)
        assert torch.equal(found.is_ood, found.p_value <= 1 - tpr + 1e-12)
        assert 0 < int(found.is_ood.sum()) < 500


def test_p_falls_as_the_score_rises_and_beyond_all_images_the_order_goes_on() -> None:
    generator = torch.Generator().manual_seed(2)
    joint = JointTest(drawn(99, generator))
    found = on(joint, {name: 3 * values for name, values in drawn(300, generator).items()})
    order = found.score.argsort()
    assert bool((found.p_value[order].diff() <= 0).all())
    far = {name: values.max() + torch.tensor([1.0, 2.0, 9.0]) for name, values in joint.scores.items()}
    beyond = on(joint, far)
    assert bool((beyond.score.diff() > 0).all()) and bool((beyond.p_value == beyond.p_value[0]).all())


def test_the_parts_are_the_p_values_of_the_two_tests() -> None:
    scores = {"nero": torch.arange(99.0).double(), "nero_deep": torch.arange(99.0).flip(0).double()}
    found = on(JointTest(scores), {"nero": torch.tensor([98.5]).double(), "nero_deep": torch.tensor([49.0]).double()})
    assert float(found.terms["p_nero"]) == pytest.approx(1 / 100)
    assert float(found.terms["p_deep"]) == pytest.approx(51 / 100)
    assert float(found.score) > math.log(100)
    assert float(found.p_value) == pytest.approx(3 / 100)  # two images are first in a test


def test_a_score_that_is_not_a_number_is_rejected() -> None:
    joint = JointTest(drawn(99, torch.Generator().manual_seed(3)))
    assert bool(on(joint, {"nero": torch.tensor([math.nan]).double(), "nero_deep": torch.zeros(1).double()}).is_ood)


def test_too_few_calibration_images_for_two_tests_are_refused() -> None:
    generator = torch.Generator().manual_seed(4)
    with pytest.raises(CalibrationError, match=r"at least 59 calibration images.*Found 40"):
        on(JointTest(drawn(40, generator)), drawn(1, generator), 0.95)
    on(JointTest(drawn(59, generator)), drawn(1, generator), 0.95)
