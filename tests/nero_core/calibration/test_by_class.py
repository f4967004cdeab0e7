"""Calibration within the predicted class: coverage by class, the smallest p, and classes with few images."""

from types import MappingProxyType

import pytest
import torch
from torch import Tensor

from nero_core.calibration.by_class import class_threshold, detect_by_class
from nero_core.calibration.detection import detect_by_scores
from nero_core.calibration.verdict import JointTest
from nero_core.types import VERDICT, Detection

SCALE = torch.tensor([1.0, 3.0, 1.0]).double()  # the second class is harder than the others


def drawn(images: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Scores of two tests (tests × images) and predicted classes, which set how the scores are spread."""
    classes = torch.randint(3, (images,), generator=generator)
    scores = torch.randn(2, images, generator=generator, dtype=torch.float64).abs() * SCALE[classes]
    return scores, classes


def one_hot(classes: Tensor) -> Tensor:
    return torch.eye(3, dtype=torch.float64)[classes]


def by_one_test(calibration: Tensor, scores: Tensor, classes: Tensor, tpr: float) -> Detection:
    return detect_by_scores("knn", scores[0], {}, one_hot(classes), calibration[0], tpr)


def joint(calibration: Tensor) -> JointTest:
    return JointTest(MappingProxyType({"nero": calibration[0], "nero_deep": calibration[1]}))


def by_two_tests(calibration: Tensor, scores: Tensor, classes: Tensor, tpr: float) -> Detection:
    named = {"nero": scores[0], "nero_deep": scores[1]}
    return joint(calibration).detect(named, {}, one_hot(classes), tpr)


@pytest.mark.parametrize("is_joint", [False, True], ids=["one test", "two tests"])
def test_each_class_passes_at_the_rate_that_was_asked_for_which_all_classes_together_do_not_give(is_joint: bool):
    generator = torch.Generator().manual_seed(0)
    rejected, images, tpr, runs = torch.zeros(2, 3), torch.zeros(3), 0.9, 150
    for _ in range(runs):
        calibration, own = drawn(180, generator)
        scores, classes = drawn(120, generator)
        whole = (by_two_tests if is_joint else by_one_test)(calibration, scores, classes, tpr)
        inside = detect_by_class(whole, joint(calibration) if is_joint else calibration[0], own)
        for place, found in enumerate((whole, inside)):
            rejected[place] += torch.bincount(classes[found.is_ood], minlength=3)
        images += torch.bincount(classes, minlength=3)
        assert torch.equal(inside.is_ood, inside.p_value <= 1 - tpr + 1e-12)
    share_of_all, share_by_class = rejected / images
    assert float(share_of_all[1]) > 0.2 and float(share_of_all[0]) < 0.02  # the hard class pays for the others
    assert float(share_by_class.max()) <= 1 - tpr + 0.012  # of 6000 images a class; three deviations of 0.004
    assert float(share_by_class.min()) >= 1 - tpr - 0.04  # a rank or two of 60 are lost


def test_an_image_is_held_against_its_class_alone():
    calibration, own = torch.arange(60.0).double()[None], torch.arange(60) % 3
    scores, classes = torch.tensor([[58.5, 58.5, 10.0]]).double(), torch.tensor([0, 2, 1])
    found = detect_by_class(by_one_test(calibration, scores, classes, 0.95), calibration[0], own)
    assert found.by_class is not None
    assert found.p_value.tolist() == pytest.approx([1 / 21, 2 / 21, 18 / 21])
    assert [found.limits(index).threshold for index in range(3)] == [57.0, 59.0, 58.0]
    assert found.is_ood.tolist() == [True, False, False]
    assert [found.as_high(index) for index in range(3)] == [0, 1, 17]
    assert found.limits(0).smallest_p == pytest.approx(1 / 21) and found.limits(0).calibration_size == 20


@pytest.mark.parametrize("is_joint", [False, True], ids=["one test", "two tests"])
def test_a_class_with_too_few_images_rejects_nothing_and_knows_it(is_joint: bool):
    generator = torch.Generator().manual_seed(1)
    calibration, own = drawn(200, generator)
    own[own == 2] = 0
    own[:18] = 2
    few, classes = torch.full((2, 3), 1e3).double(), torch.tensor([0, 1, 2])
    whole = (by_two_tests if is_joint else by_one_test)(calibration, few, classes, 0.95)
    found = detect_by_class(whole, joint(calibration) if is_joint else calibration[0], own)
    assert found.is_ood.tolist() == [True, True, False] and bool(whole.is_ood.all())
    assert [found.limits(index).can_reject for index in range(3)] == [True, True, False]
    assert found.limits(2).calibration_size == 18 < found.enough
    assert float(found.p_value[2]) == pytest.approx(found.limits(2).smallest_p)


def test_a_class_that_is_predicted_for_no_other_image_has_p_1():
    calibration, own = drawn(100, torch.Generator().manual_seed(2))
    own[own == 2] = 1
    alone = torch.full((2, 1), 99.0).double()
    for whole, held in (
        (by_one_test(calibration, alone, torch.tensor([2]), 0.9), calibration[0]),
        (by_two_tests(calibration, alone, torch.tensor([2]), 0.9), joint(calibration)),
    ):
        found = detect_by_class(whole, held, own)
        assert float(found.p_value[0]) == 1.0 == found.limits(0).smallest_p
        assert not bool(found.is_ood[0]) and bool(torch.isfinite(found.score).all())


def test_the_number_of_images_that_is_enough_is_the_fewest_that_suffice():
    for tpr in (0.8, 0.9, 0.95, 0.98):
        whole = by_one_test(torch.arange(200.0).double()[None], torch.zeros(1, 1).double(), torch.tensor([0]), tpr)
        calibration = torch.arange(200.0).double()
        assert class_threshold(calibration, torch.arange(200) < whole.enough, tpr) < 200
        assert class_threshold(calibration, torch.arange(200) < whole.enough - 1, tpr) == torch.inf
        assert by_two_tests(drawn(200, torch.Generator())[0], torch.zeros(2, 1).double(), torch.tensor([0]), tpr)


def test_the_terms_of_the_verdict_are_those_of_the_class():
    calibration, own = drawn(150, torch.Generator().manual_seed(3))
    scores, classes = drawn(6, torch.Generator().manual_seed(4))
    found = detect_by_class(by_two_tests(calibration, scores, classes, 0.9), joint(calibration), own)
    assert found.detector == VERDICT
    for index, predicted in enumerate(classes.tolist()):
        members = calibration[0][own == predicted]
        expected = (1 + int((members >= scores[0, index]).sum())) / (len(members) + 1)
        assert float(found.terms["p_nero"][index]) == pytest.approx(expected)
