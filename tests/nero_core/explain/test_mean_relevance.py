"""Mean relevance of every channel: the formula written out, and what it says of a bundle."""

from dataclasses import replace
from pathlib import Path

import torch

from nero_core.explain.mean_relevance import mean_relevance
from nero_core.explorer import Explorer
from nero_core.inspector import Inspector
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Head


def test_it_is_the_mean_over_images_and_over_each_class():
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(6, 5, generator=generator)
    head = Head(torch.randn(3, 5, generator=generator), torch.randn(3, generator=generator))
    labels = torch.tensor([0, 0, 2, 2, 2, 0])
    whole, classes, size = mean_relevance(features, labels, 3, head, epsilon=0.01)
    written_out = torch.zeros(6, 5).double()
    for image in range(6):
        logits = head.weight.double() @ features[image].double() + head.bias.double()
        start = logits.softmax(dim=0)
        for neuron in range(5):
            for one in range(3):
                stable = logits[one] + 0.01 * (1 if logits[one] >= 0 else -1)
                part = features[image, neuron].double() * head.weight[one, neuron].double()
                written_out[image, neuron] += part * start[one] / stable
    torch.testing.assert_close(whole, written_out.mean(dim=0))
    torch.testing.assert_close(classes[0], written_out[[0, 1, 5]].mean(dim=0))
    torch.testing.assert_close(classes[2], written_out[[2, 3, 4]].mean(dim=0))
    assert bool(classes[1].isnan().all())  # no image of it
    assert size == 6


def test_an_image_whose_relevance_is_not_finite_is_left_out():
    head = Head(torch.eye(2), torch.zeros(2))
    features = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    labels = torch.tensor([0, 0])
    whole, _, size = mean_relevance(features, labels, 1, head)
    assert size == 1
    torch.testing.assert_close(whole, neuron_relevance(features[:1].double(), head.to(dtype=torch.float64))[0][0])


def test_a_bundle_has_that_of_its_calibration_bank_and_its_ood_bank(tiny_bundle: Path):
    inspector = Inspector.load(tiny_bundle, "cpu")
    explorer = Explorer(inspector)
    found, nero, bundle = explorer.mean_relevance(), inspector.nero(), inspector.bundle
    for bank, mean in ((bundle.calibration, found.id), (bundle.ood, found.ood)):
        assert bank is not None
        relevance, _ = neuron_relevance(
            bank.features.double(), bundle.classifier.head.to("cpu", torch.float64), nero.epsilon
        )
        torch.testing.assert_close(mean, relevance.mean(dim=0))
    assert (found.id_size, found.ood_size) == (bundle.calibration_size, bundle.ood_size)
    assert found.id_classes.shape == (3, len(found.id))
    assert found.ood_classes is not None
    assert found.ood_classes.shape == (2, len(found.id))
    assert explorer.mean_relevance() is found  # kept


def test_a_bundle_without_an_ood_bank_has_id_alone(tiny_bundle: Path):
    inspector = Inspector.load(tiny_bundle, "cpu")
    inspector.bundle = replace(inspector.bundle, ood=None)
    found = Explorer(inspector).mean_relevance()
    assert found.ood is None
    assert found.ood_classes is None
    assert found.ood_size == 0
