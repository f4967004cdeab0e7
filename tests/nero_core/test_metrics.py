"""Metrics against their definitions."""

import pytest
import torch

from nero_core.metrics import auroc, fpr_at_tpr


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
