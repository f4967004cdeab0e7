"""LINe against a dense replica that writes every mask out, and its memory."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nero_core.detectors.line import LINe
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 5, 23, 90


def replica(
    head: Head, fit: Tensor, labels: Tensor, x: Tensor, weight_percent: float, activation_percent: float, clip: float
) -> list[float]:
    """The score image by image in numpy, with the C×C×D mask."""
    weight, bias = head.weight.double().numpy(), head.bias.double().numpy()
    a = fit.double().numpy()
    contribution = np.stack([(a[labels.numpy() == c] * weight[c]).mean(axis=0) for c in range(CLASSES)])
    important = np.abs(contribution)[:, None, :] * weight[None]
    mask = np.stack([rows > np.percentile(rows, weight_percent) for rows in important])
    used = np.stack([row > np.percentile(row, activation_percent) for row in contribution])
    scores = []
    for feature in x.double().numpy():
        clipped = np.minimum(feature, clip)
        predicted = int(np.argmax(weight @ clipped + bias))
        logits = (mask[predicted] * weight) @ (clipped * used[predicted]) + bias
        scores.append(-float(np.log(np.exp(logits).sum())))
    return scores


@pytest.mark.parametrize(
    ("weight_percent", "activation_percent"), [(90.0, 90.0), (90.0, 10.0), (10.0, 10.0), (0.0, 0.0), (33.3, 71.0)]
)
@pytest.mark.parametrize("clip", [0.5, 100.0])
def test_scores_equal_the_dense_replica(
    head: Head, features: Tensor, labels: Tensor, weight_percent: float, activation_percent: float, clip: float
) -> None:
    detector = LINe(head, weight_percentile=weight_percent, activation_percentile=activation_percent, clip=clip)
    probe = torch.randn(40, NEURONS, generator=torch.Generator().manual_seed(2))
    expected = replica(head, features, labels, probe, weight_percent, activation_percent, clip)
    scores = detector.fit_features(features, labels).predict_features(probe)
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=1e-12)


def test_the_clip_is_the_90th_percentile_of_the_fit_features_unless_given(
    head: Head, features: Tensor, labels: Tensor
) -> None:
    detector = LINe(head).fit_features(features, labels)
    assert detector.clip == pytest.approx(np.percentile(features.double().numpy(), 90), rel=1e-12)
    assert LINe(head, clip=0.8).fit_features(features, labels).clip == 0.8


def test_a_second_fit_sets_the_clip_anew(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = LINe(head).fit_features(features, labels)
    first = detector.clip
    assert detector.fit_features(2 * features, labels).clip == pytest.approx(2 * first)


@pytest.mark.parametrize(
    ("classes", "percentiles"), [(3, (90, 90)), (10, (90, 90)), (11, (90, 10)), (100, (90, 10)), (1000, (10, 10))]
)
def test_percentiles_follow_the_paper_by_the_number_of_classes(classes: int, percentiles: tuple[int, int]) -> None:
    detector = LINe(Head(torch.ones(classes, 4), torch.zeros(classes)))
    assert (detector.weight_percentile, detector.activation_percentile) == percentiles


@pytest.mark.parametrize("percent", [-1.0, 100.0])
def test_percentiles_outside_their_range_are_refused(head: Head, percent: float) -> None:
    with pytest.raises(CalibrationError, match="percentile"):
        LINe(head, weight_percentile=percent)
    with pytest.raises(CalibrationError, match="percentile"):
        LINe(head, activation_percentile=percent)


def test_a_bank_without_a_class_of_the_head_is_refused(head: Head, features: Tensor, labels: Tensor) -> None:
    with pytest.raises(CalibrationError, match="all 5 classes"):
        LINe(head).fit_features(features[labels != 2], labels[labels != 2])


class Largest(TorchDispatchMode):
    """Records how many elements the largest tensor has that an operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def test_no_tensor_is_larger_than_the_head_or_the_batch() -> None:
    """So 1000 classes of 2048 neurons make tensors of 16 MB, a few at a time, where a C×C×D mask had 2 GB."""
    classes, neurons, images = 60, 128, 120
    generator = torch.Generator().manual_seed(0)
    head = Head(torch.randn(classes, neurons, generator=generator), torch.zeros(classes))
    x = torch.randn(images, neurons, generator=generator).relu()
    with Largest() as largest:
        LINe(head).fit_features(x, torch.arange(images) % classes).predict_features(x)
    assert largest.elements <= max(classes, images) * neurons
