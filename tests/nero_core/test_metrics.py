"""Metrics against their definitions."""

import numpy as np
import pytest
import torch

from nero_core.metrics import aupr, auroc, fpr_at_tpr, roc_curve


def test_auroc_is_the_share_of_ordered_pairs_with_ties_counting_half() -> None:
    id_scores, ood_scores = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0])
    pairs = [(1.0 if o > i else 0.5 if o == i else 0.0) for i in id_scores.tolist() for o in ood_scores.tolist()]
    assert auroc(id_scores, ood_scores) == pytest.approx(sum(pairs) / len(pairs))


def test_the_two_meanings_of_fpr_differ_and_are_told_apart() -> None:
    id_scores = torch.arange(100.0)
    ood_scores = torch.cat([torch.zeros(10), torch.full((90,), 200.0)])
    assert fpr_at_tpr(id_scores, ood_scores, 0.95, positive="id") == pytest.approx(0.10)
    assert fpr_at_tpr(id_scores, ood_scores, 0.90, positive="ood") == 0.0
    assert fpr_at_tpr(id_scores, ood_scores, 0.95, positive="ood") == 1.0


def test_id_positive_fpr_accepts_exactly_the_share_asked_for() -> None:
    id_scores = torch.arange(20.0)
    assert fpr_at_tpr(id_scores, torch.tensor([18.0, 18.5]), 0.95) == 0.5


def test_aupr_joins_the_points_of_precision_over_recall_from_precision_one() -> None:
    id_scores, ood_scores = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    # ID called from the lowest score: (½, 1), (½, ½), (1, ⅔), (1, ½).
    assert aupr(id_scores, ood_scores, "id") == pytest.approx(0.5 * (1 + 1) / 2 + 0.5 * (1 / 2 + 2 / 3) / 2)
    # OOD called from the highest score: the same figure by symmetry.
    assert aupr(id_scores, ood_scores, "ood") == pytest.approx(aupr(-ood_scores, -id_scores, "id"))


def test_aupr_of_one_score_for_all_is_halfway_between_one_and_the_positive_share() -> None:
    assert aupr(torch.zeros(3), torch.zeros(1), "id") == pytest.approx((1 + 0.75) / 2)
    assert aupr(torch.zeros(3), torch.zeros(1), "ood") == pytest.approx((1 + 0.25) / 2)


def test_aupr_says_which_class_is_positive() -> None:
    id_scores, ood_scores = torch.arange(30.0), torch.arange(20.0, 30.0)
    assert aupr(id_scores, ood_scores, "id") > 0.75 > aupr(id_scores, ood_scores, "ood")


def test_a_roc_curve_counts_what_lies_at_or_above_each_score() -> None:
    id_scores, ood_scores = torch.tensor([0.0, 1.0, 1.0, 2.0]), torch.tensor([1.0, 3.0])
    rejected, detected = roc_curve(id_scores, ood_scores)
    limits = (np.inf, 3.0, 2.0, 1.0, 0.0)
    np.testing.assert_allclose(rejected, [100 * float((id_scores >= limit).double().mean()) for limit in limits])
    np.testing.assert_allclose(detected, [100 * float((ood_scores >= limit).double().mean()) for limit in limits])


def test_the_area_under_a_roc_curve_is_the_auroc() -> None:
    id_scores, ood_scores = torch.randn(300).round(decimals=1), torch.randn(200).round(decimals=1) + 1
    rejected, detected = roc_curve(id_scores, ood_scores)
    assert np.trapezoid(detected, rejected) / 1e4 == pytest.approx(auroc(id_scores, ood_scores), abs=1e-6)


@pytest.mark.parametrize("points", [2, 5, 10_000])
def test_a_thinned_roc_curve_keeps_its_ends_and_points_of_the_whole_one(points: int) -> None:
    id_scores, ood_scores = torch.randn(300), torch.randn(200)
    whole = list(zip(*roc_curve(id_scores, ood_scores), strict=True))
    thin = list(zip(*roc_curve(id_scores, ood_scores, points), strict=True))
    assert len(thin) == min(points, len(whole))
    assert thin[0] == (0, 0) and thin[-1] == (100, 100)
    assert set(thin) <= set(whole)
