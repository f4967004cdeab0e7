"""Figures of channels against their formulas, one image at a time."""

import math

import pytest
import torch
from torch import Tensor

from nero_core.errors import RelevanceError
from nero_core.explain.channel_statistics import (
    class_mean_relevance,
    class_selectivity,
    measure_channels,
    ood_auroc,
)
from nero_core.metrics import auroc


@pytest.fixture
def bank() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 3
    return torch.randn(40, 6, generator=generator).double() + labels[:, None] * torch.linspace(-1, 1, 6), labels


def test_selectivity_is_the_share_of_variance_between_classes(bank: tuple[Tensor, Tensor]):
    relevance, labels = bank
    actual = class_selectivity(relevance, labels)
    for channel in range(6):
        values = relevance[:, channel].tolist()
        mean = sum(values) / len(values)
        between = 0.0
        for label in range(3):
            of_class = [value for value, its_label in zip(values, labels.tolist(), strict=True) if its_label == label]
            between += len(of_class) * (sum(of_class) / len(of_class) - mean) ** 2
        total = sum((value - mean) ** 2 for value in values)
        assert float(actual[channel]) == pytest.approx(between / total, rel=1e-9)


def test_selectivity_is_1_where_the_class_says_it_all_and_0_where_it_says_nothing():
    labels = torch.tensor([0, 0, 1, 1])
    relevance = torch.tensor([[-3.0, 1, 5, 0.1], [-3, 2, 5, 0.1], [2, 1, 5, 0.1], [2, 2, 5, 0.1]])
    assert class_selectivity(relevance, labels).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_selectivity_keeps_when_relevance_is_scaled_turned_or_shifted(bank: tuple[Tensor, Tensor]):
    relevance, labels = bank
    torch.testing.assert_close(class_selectivity(-7 * relevance + 3, labels), class_selectivity(relevance, labels))


def test_separation_is_auroc_of_each_channel():
    generator = torch.Generator().manual_seed(1)
    inside, outside = (torch.randint(6, (size, 5), generator=generator).double() for size in (31, 17))
    actual = ood_auroc(inside, outside)
    for channel in range(5):
        value = auroc(inside[:, channel], outside[:, channel])
        assert float(actual[channel]) == pytest.approx(value, abs=1e-12)


def test_separation_of_equal_banks_is_a_half_and_of_those_above_or_below_1_or_0():
    inside = torch.tensor([[0.0, 1.0, 1.0], [0.0, 2.0, 2.0]])
    assert ood_auroc(inside, torch.tensor([[0.0, -5.0, 5.0], [0.0, -4.0, 4.0]])).tolist() == [0.5, 0.0, 1.0]


@pytest.mark.parametrize("outside", [None, torch.zeros(0, 2)], ids=["no bank", "an empty bank"])
def test_separation_without_ood_images_is_not_defined(outside: Tensor | None):
    assert all(math.isnan(value) for value in ood_auroc(torch.ones(3, 2), outside).tolist())


def test_means_are_of_each_class_and_a_class_without_images_has_none(bank: tuple[Tensor, Tensor]):
    relevance, labels = bank
    means = class_mean_relevance(relevance, labels, 4)
    torch.testing.assert_close(means[1], relevance[labels == 1].mean(dim=0))
    assert means[3].isnan().all()


def test_the_best_class_has_the_largest_mean_and_is_never_an_empty_one(bank: tuple[Tensor, Tensor]):
    relevance, labels = bank
    statistics = measure_channels(relevance - 100, labels, 4, relevance, None)
    assert statistics.best_class.tolist() == statistics.mean_relevance[:3].argmax(dim=0).tolist()


@pytest.mark.parametrize("place", ["fit", "calibration", "ood"])
def test_relevance_that_is_not_finite_is_a_sentence(place: str, bank: tuple[Tensor, Tensor]):
    relevance, labels = bank
    banks = {name: relevance.clone() for name in ("fit", "calibration", "ood")}
    banks[place][3, 2] = math.nan
    with pytest.raises(RelevanceError, match="Expected finite relevance in every bank"):
        measure_channels(banks["fit"], labels, 3, banks["calibration"], banks["ood"])


def test_no_fit_image_is_a_sentence():
    none = torch.zeros(0, 2)
    with pytest.raises(RelevanceError, match="Expected fit images"):
        measure_channels(none, torch.zeros(0, dtype=torch.long), 2, none, None)
