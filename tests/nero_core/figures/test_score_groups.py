"""The groups in which scores are drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nero_core.figures.score_groups import bank_scores, class_scores, histogram_counts
from nero_core.types import ReferenceScores

SCORES = ReferenceScores(
    detector="nero",
    calibration=torch.tensor([1.0, 2.0, 3.0]).double(),
    calibration_labels=torch.tensor([2, 0, 2]),
    ood=torch.tensor([7.0, 8.0]).double(),
    ood_labels=torch.tensor([1, 1]),
    threshold=2.5,
    tpr=0.95,
)
WITHOUT = replace(SCORES, ood=None, ood_labels=None)
EMPTY = replace(SCORES, ood=torch.zeros(0).double(), ood_labels=torch.zeros(0, dtype=torch.int64))


def test_the_banks_are_id_and_ood():
    groups = bank_scores(SCORES)
    assert list(groups) == ["ID", "OOD"]
    assert [values.tolist() for values in groups.values()] == [[1.0, 2.0, 3.0], [7.0, 8.0]]


@pytest.mark.parametrize("reference", [WITHOUT, EMPTY])
def test_a_bank_without_images_is_no_group(reference: ReferenceScores):
    assert list(bank_scores(reference)) == ["ID"]


def test_each_class_with_images_is_a_row_and_id_comes_first():
    rows = class_scores(SCORES, ("a", "b", "c"), ("x", "y"))
    assert [(bank, name, values.tolist()) for bank, name, values in rows] == [
        ("ID", "a", [2.0]),
        ("ID", "c", [1.0, 3.0]),
        ("OOD", "y", [7.0, 8.0]),
    ]


@pytest.mark.parametrize("reference", [WITHOUT, EMPTY])
def test_without_ood_images_there_are_the_id_classes(reference: ReferenceScores):
    assert [name for _, name, _ in class_scores(reference, ("a", "b", "c"), ("x", "y"))] == ["a", "c"]


def test_the_end_bars_hold_what_lies_beyond_them():
    counts = histogram_counts(np.array([-9.0, 0.5, 1.5, 1.6, 99.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    assert counts.tolist() == [2, 2, 1]
