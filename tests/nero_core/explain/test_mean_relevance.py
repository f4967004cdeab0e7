"""Mean relevance of every channel: the formula written out, and what it says of a bundle."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nero_core.explain.mean_relevance import compare_mean_relevance, few_of, mean_relevance
from nero_core.explorer import Explorer
from nero_core.figures import mean_of_few
from nero_core.inspector import Inspector
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Head, MeanRelevance


def test_it_is_the_mean_over_images_and_over_each_class():
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(6, 5, generator=generator)
    head = Head(torch.randn(3, 5, generator=generator), torch.randn(3, generator=generator))
    labels = torch.tensor([0, 0, 2, 2, 2, 0])
    whole, classes, size, _ = mean_relevance(features, labels, 3, head, epsilon=0.01)
    written_out = torch.zeros(6, 5).double()
    for image in range(6):
        logits = head.weight.double() @ features[image].double() + head.bias.double()
        initial_relevance = logits.softmax(dim=0)
        for neuron in range(5):
            for label in range(3):
                stable = logits[label] + 0.01 * (1 if logits[label] >= 0 else -1)
                part = features[image, neuron].double() * head.weight[label, neuron].double()
                written_out[image, neuron] += part * initial_relevance[label] / stable
    torch.testing.assert_close(whole, written_out.mean(dim=0))
    torch.testing.assert_close(classes[0], written_out[[0, 1, 5]].mean(dim=0))
    torch.testing.assert_close(classes[2], written_out[[2, 3, 4]].mean(dim=0))
    assert bool(classes[1].isnan().all())  # no image of it
    assert size == 6


def test_an_image_whose_relevance_is_not_finite_is_left_out():
    head = Head(torch.eye(2), torch.zeros(2))
    features = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    labels = torch.tensor([0, 0])
    whole, _, size, share = mean_relevance(features, labels, 1, head)
    assert (size, share) == (1, 1.0)
    torch.testing.assert_close(whole, neuron_relevance(features[:1].double(), head.to(dtype=torch.float64))[0][0])


def test_a_bundle_has_that_of_its_calibration_bank_and_its_ood_bank(tiny_inspector: Inspector):
    explorer = Explorer(tiny_inspector)
    means, nero, bundle = explorer.mean_relevance(), tiny_inspector.nero(), tiny_inspector.bundle
    for bank, mean in ((bundle.calibration, means.id), (bundle.ood, means.ood)):
        assert bank is not None
        relevance, _ = neuron_relevance(
            bank.features.double(), bundle.classifier.head.to("cpu", torch.float64), nero.epsilon
        )
        torch.testing.assert_close(mean, relevance.mean(dim=0))
        magnitudes = relevance.abs().sum(dim=1)
        few, share = (means.id_few, means.id_few_share) if mean is means.id else (means.ood_few, means.ood_few_share)
        assert few == max(1, len(magnitudes) // 100)
        assert share == pytest.approx(float(magnitudes.topk(few).values.sum() / magnitudes.sum()))
    assert (means.id_size, means.ood_size) == (bundle.calibration_size, bundle.ood_size)
    assert means.id_classes.shape == (3, len(means.id))
    assert means.ood_classes is not None
    assert means.ood_classes.shape == (2, len(means.id))
    assert explorer.mean_relevance() is means  # kept


def test_a_bundle_without_an_ood_bank_has_id_alone(tiny_bundle: Path):
    inspector = Inspector.load(tiny_bundle, "cpu")
    inspector.bundle = replace(inspector.bundle, ood=None)
    means = Explorer(inspector).mean_relevance()
    assert means.ood is None
    assert means.ood_classes is None
    assert means.ood_size == means.ood_few == 0
    assert math.isnan(means.ood_few_share)


def test_one_image_with_a_logit_near_0_is_said_to_make_the_mean():
    head = Head(torch.tensor([[1.0, -1.0], [2.0, 1.0]]), torch.zeros(2))
    features = torch.rand(200, 2, generator=torch.Generator().manual_seed(0)) + torch.tensor([2.0, 0.0])
    labels = torch.zeros(200, dtype=torch.int64)
    usual = compare_mean_relevance((features, labels, 1), None, head, 1e-6)
    assert (usual.id_few, mean_of_few(usual)) == (2, "")
    features[7] = torch.tensor([1.0, 1.00001])
    means = compare_mean_relevance((features, labels, 1), (features[8:], labels[8:], 1), head, 1e-6)
    assert means.id_few_share > 0.9
    share = f"{100 * means.id_few_share:.0f}"
    assert mean_of_few(means) == f"Beware: 2 of 200 ID images make up {share} % of this average"
    assert "OOD" not in mean_of_few(means)


@pytest.mark.parametrize(("size", "few"), [(0, 0), (1, 1), (99, 1), (199, 1), (309, 3)])
def test_few_are_one_percent_and_at_least_one(size: int, few: int):
    assert few_of(size) == few


def test_few_images_that_make_both_averages_are_told_of_each():
    zero = torch.zeros(2)
    few = {"id_few": 3, "id_few_share": 0.43, "ood_few": 1, "ood_few_share": 0.5}
    mean = MeanRelevance(zero, 309, zero[None], zero, 21, zero[None], **few)
    assert mean_of_few(mean) == (
        "Beware: 3 of 309 ID images make up 43 % of their average; 1 of 21 OOD images makes up 50 % of their average"
    )


@pytest.mark.parametrize(
    ("size", "few", "share", "is_said"), [(5, 1, 0.3, False), (5, 1, 0.7, True), (0, 0, math.nan, False)]
)
def test_an_even_share_of_a_small_bank_is_not_said(size: int, few: int, share: float, is_said: bool):
    mean = MeanRelevance(torch.zeros(2), size, torch.zeros(1, 2), id_few=few, id_few_share=share)
    assert bool(mean_of_few(mean)) == is_said
