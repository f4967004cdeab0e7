"""ODIN's second pass: what it moves, what it leaves alone."""

import threading
from pathlib import Path

import pytest
import torch

from nero_core.data.decode import decode_batch
from nero_core.detectors import DETECTORS, build_detector
from nero_core.detectors.odin import perturbed_features
from nero_core.errors import CalibrationError
from nero_core.models import Classifier, load_checkpoint
from nero_core.types import ImageBatch


@pytest.fixture
def classifier(tiny_checkpoint: Path) -> Classifier:
    return load_checkpoint(tiny_checkpoint)[0]


@pytest.fixture
def batch(classifier: Classifier, phantoms: Path) -> ImageBatch:
    return decode_batch(sorted((phantoms / "ood").rglob("*.jpg"))[:6], classifier.input_size)


def test_the_step_is_epsilon_along_the_sign_of_the_gradient(classifier: Classifier, batch: ImageBatch) -> None:
    pixels = batch.pixels.clone().requires_grad_()
    normalised = (pixels - torch.tensor(classifier.mean).view(1, 3, 1, 1)) / torch.tensor(classifier.std).view(
        1, 3, 1, 1
    )
    softmax = (classifier.model(normalised) / 100).log_softmax(dim=1).amax(dim=1)
    (gradient,) = torch.autograd.grad(softmax.sum(), pixels)
    moved = batch.pixels + 0.01 * gradient.sign()
    torch.testing.assert_close(
        perturbed_features(classifier, batch, epsilon=0.01), classifier.features(moved), rtol=1e-3, atol=1e-3
    )


def test_the_softmax_of_the_predicted_class_grows(classifier: Classifier, batch: ImageBatch) -> None:
    plain = classifier.head.logits(classifier.features(batch.pixels))
    moved = classifier.head.logits(perturbed_features(classifier, batch))
    predicted = plain.argmax(dim=1, keepdim=True)
    before, after = ((logits / 100).softmax(dim=1).gather(1, predicted) for logits in (plain, moved))
    assert bool((after > before).all())


def test_no_step_gives_the_plain_features(classifier: Classifier, batch: ImageBatch) -> None:
    assert torch.equal(perturbed_features(classifier, batch, epsilon=0.0), classifier.features(batch.pixels))


def test_the_model_keeps_no_gradient_and_no_hook(classifier: Classifier, batch: ImageBatch) -> None:
    with torch.no_grad():
        features = perturbed_features(classifier, batch)
    assert not features.requires_grad
    assert not batch.pixels.requires_grad
    assert all(not p.requires_grad and p.grad is None for p in classifier.model.parameters())
    assert not classifier.model.training
    for module in classifier.model.modules():
        assert not module._forward_hooks and not module._backward_hooks and not module._forward_pre_hooks


def test_splitting_a_batch_changes_no_feature(classifier: Classifier, batch: ImageBatch) -> None:
    whole = perturbed_features(classifier, batch)
    for size in (1, 4):
        torch.testing.assert_close(perturbed_features(classifier, batch, batch_size=size), whole, rtol=1e-4, atol=1e-4)


def test_threads_get_what_one_thread_gets(classifier: Classifier, batch: ImageBatch) -> None:
    expected = perturbed_features(classifier, batch)
    outputs: list[torch.Tensor] = []
    threads = [threading.Thread(target=lambda: outputs.append(perturbed_features(classifier, batch))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 4
    for features in outputs:
        torch.testing.assert_close(features, expected)


def test_the_catalog_points_at_the_second_pass(classifier: Classifier, batch: ImageBatch) -> None:
    spec = DETECTORS["odin"]
    assert spec.second_pass is perturbed_features
    features = spec.second_pass(classifier, batch)
    expected = -(classifier.head.logits(features).double() / 100).softmax(dim=1).amax(dim=1)
    scores = build_detector("odin", classifier.head).predict_features(features)
    torch.testing.assert_close(scores, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"epsilon": -0.1}])
def test_settings_out_of_range_are_refused(classifier: Classifier, batch: ImageBatch, wrong: dict[str, float]) -> None:
    with pytest.raises(CalibrationError, match="temperature above 0"):
        perturbed_features(classifier, batch, **wrong)
    with pytest.raises(CalibrationError, match="temperature above 0"):
        build_detector("odin", classifier.head, **wrong)
