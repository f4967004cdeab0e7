"""Closed-form relevance: conservation, the role of ε, and a slow replica."""

import pytest
import torch

from nero_core.errors import NeroError
from nero_core.relevance.head import initial_class_relevance, neuron_relevance
from nero_core.types import Head


def example(seed: int = 0) -> tuple[Head, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(4, 9, generator=generator).double(), torch.randn(4, generator=generator).double())
    return head, torch.randn(6, 9, generator=generator).double()


def test_relevance_and_bias_sum_to_the_initial_relevance() -> None:
    head, features = example()
    relevance, bias = neuron_relevance(features, head, epsilon=0.0)
    torch.testing.assert_close(relevance.sum(dim=1) + bias, torch.ones(6).double())


def test_relevance_is_linear_in_the_initial_relevance() -> None:
    head, features = example()
    probabilities = head.logits(features).softmax(dim=1)
    parts = [torch.zeros_like(probabilities) for _ in range(4)]
    for index, part in enumerate(parts):
        part[:, index] = probabilities[:, index]
    by_class = sum(neuron_relevance(features, head, 1e-3, part)[0] for part in parts)
    torch.testing.assert_close(by_class, neuron_relevance(features, head, 1e-3)[0])


def test_each_neuron_equals_the_formula_written_out() -> None:
    head, features = example()
    logits = head.logits(features)
    p = logits.softmax(dim=1)
    image, neuron, epsilon = 2, 5, 0.1
    expected = sum(
        float(features[image, neuron] * head.weight[i, neuron] * p[image, i])
        / float(logits[image, i] + epsilon * logits[image, i].sign())
        for i in range(4)
    )
    relevance = neuron_relevance(features, head, epsilon)[0][image, neuron]
    torch.testing.assert_close(float(relevance), expected)


def test_a_logit_of_zero_keeps_relevance_finite() -> None:
    head = Head(torch.tensor([[1.0, -1.0], [0.5, 1.0]]), torch.zeros(2))  # the first logit of (1, 1) is exactly 0
    for epsilon in (0.0, 1e-6):
        relevance, bias = neuron_relevance(torch.ones(1, 2), head, epsilon)
        assert bool(relevance.isfinite().all()) and bool(bias.isfinite().all())
    passed_on = neuron_relevance(torch.ones(1, 2), head, 0.0)[0].sum()
    torch.testing.assert_close(passed_on, head.logits(torch.ones(1, 2)).softmax(dim=1)[0, 1])  # only the second logit


def test_epsilon_shrinks_relevance_of_small_logits() -> None:
    head = Head(torch.tensor([[1e-6, 0.0], [0.0, 1.0]]).double(), torch.zeros(2).double())
    features = torch.ones(1, 2).double()
    large = neuron_relevance(features, head, 1e-6)[0].abs().max()
    small = neuron_relevance(features, head, 1.0)[0].abs().max()
    assert large > small


def test_a_class_starts_alone_and_all_classes_together_are_the_whole_initial_relevance() -> None:
    head, features = example()
    p = head.logits(features).softmax(dim=1)
    parts = [
        neuron_relevance(features, head, 1e-6, initial_class_relevance(p, index))[0] for index in range(p.shape[1])
    ]
    torch.testing.assert_close(torch.stack(parts).sum(dim=0), neuron_relevance(features, head)[0])
    assert torch.equal(initial_class_relevance(p, 1).nonzero()[:, 1].unique(), torch.tensor([1]))
    with pytest.raises(NeroError, match=r"class index from 0 to 3\. Found 4"):
        initial_class_relevance(p, 4)
