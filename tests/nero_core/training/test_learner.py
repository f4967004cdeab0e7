"""The learner: what it keeps and gives back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nero_core.data.folders import iterate_batches, read_folder
from nero_core.models import create_classifier
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD
from nero_core.training.images import Images
from nero_core.training.learner import Learner

RATE = 1e-3


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def new_learner(frozen: bool = False) -> Learner:
    return Learner(create_classifier("test_resnet", ("green", "red"), (32, 32)), RATE, torch.device("cpu"), frozen)


def learn(learner: Learner, data: Path, steps: int, rate: float = RATE) -> None:
    images = Images(read_folder(data), 32, 8)
    for _ in range(steps):
        pixels, labels = next(images.batches(range(0, len(images), 2)))
        learner.learn(pixels, labels, rate)


def test_a_learner_that_takes_over_a_state_learns_on_as_the_first_one_would(data: Path):
    first, second = new_learner(), new_learner()
    learn(first, data, steps=2)
    second.load(first.state())
    for learner in (first, second):
        learn(learner, data, steps=2)
    expected, state = first.state(), second.state()
    assert expected.keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in expected.items())


def test_a_state_of_another_classifier_is_refused(data: Path):
    learner = new_learner()
    learn(learner, data, steps=1)
    state = {name: tensor for name, tensor in learner.state().items() if "layer4" not in name}
    with pytest.raises(RuntimeError, match="layer4"):
        new_learner().load(state)


def test_the_rate_of_a_step_is_the_one_given(data: Path):
    learner = new_learner()
    before = {name: tensor.clone() for name, tensor in learner.model.named_parameters()}
    learn(learner, data, steps=1, rate=0.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.model.named_parameters())
    learn(learner, data, steps=1, rate=RATE)
    assert not torch.equal(learner.model.get_classifier().weight, before["fc.weight"])


def test_no_images_have_no_accuracy_and_no_loss(data: Path):
    assert new_learner().validate(Images(read_folder(data).select([]), 32, 8)) == (None, None)


def test_validation_figures_are_those_of_the_model_in_eval_mode(data: Path):
    learner = new_learner()
    images = Images(read_folder(data), 32, 8)
    learn(learner, data, steps=2)
    with torch.no_grad():
        pixels, labels = next(Images(read_folder(data), 32, len(images)).batches(range(len(images))))
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
        inputs = ((pixels.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
        logits = learner.model.eval()(inputs)
    accuracy, loss = learner.validate(images)
    assert accuracy == float((logits.argmax(dim=1) == labels).float().mean())
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(logits, labels)), rel=1e-5)


def test_a_frozen_learner_changes_the_head_and_nothing_else(data: Path):
    learner = new_learner(frozen=True)
    before = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    learn(learner, data, steps=3)
    after = learner.model.state_dict()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {"fc.weight", "fc.bias"}  # no statistics of batch norm either


def test_a_frozen_learner_learns_the_same_from_features_as_from_pixels(data: Path):
    torch.manual_seed(0)
    on_pixels = new_learner(frozen=True)
    torch.manual_seed(0)
    on_features = new_learner(frozen=True)
    images = Images(read_folder(data), 32, 8)
    for _ in range(3):
        pixels, labels = next(images.batches(range(0, len(images), 2)))
        on_pixels.learn(pixels, labels, RATE)
        on_features.learn(on_features.features(pixels), labels, RATE)
    torch.testing.assert_close(on_features.head.weight, on_pixels.head.weight, rtol=1e-5, atol=1e-7)


def test_a_state_of_a_run_whose_backbone_learns_is_refused_by_a_frozen_one(data: Path):
    learner = new_learner()
    learn(learner, data, steps=1)
    with pytest.raises(KeyError, match="backbone"):
        new_learner(frozen=True).load(learner.state())


@pytest.mark.parametrize("frozen", [False, True])
def test_weights_that_were_kept_come_back_also_through_a_state(data: Path, frozen: bool):
    learner = new_learner(frozen)
    learn(learner, data, steps=1)
    weights = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    learner.keep()
    learn(learner, data, steps=2)
    assert not torch.equal(learner.head.weight, weights["fc.weight"])
    second = new_learner(frozen)
    second.model.load_state_dict(learner.model.state_dict())  # a frozen state holds the head alone
    second.load(learner.state())
    for restored in (learner, second):
        restored.restore()
        assert all(torch.equal(tensor, weights[name]) for name, tensor in restored.model.state_dict().items())


@pytest.mark.parametrize("frozen", [True, False])
def test_only_a_backbone_that_learns_computes_in_bfloat16(
    data: Path, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nero_core.training.learner.has_bfloat16", lambda device: True)
    learner, seen = new_learner(frozen), []
    learner.model.layer1.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    learn(learner, data, steps=1)
    learner.validate(Images(read_folder(data), 32, 8))
    assert set(seen) == {torch.float32 if frozen else torch.bfloat16}


def test_a_frozen_head_learns_on_the_features_that_are_scored(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nero_core.training.learner.has_bfloat16", lambda device: True)
    classifier = create_classifier("resnet10t", ("green", "red"), (32, 32))
    folder = read_folder(data)
    (batch,) = iterate_batches(folder, (32, 32), len(folder))
    ((pixels, _),) = Images(folder, 32, len(folder)).batches(range(len(folder)))
    scored = classifier.features(batch.pixels)
    assert torch.equal(Learner(classifier, RATE, torch.device("cpu"), frozen=True).features(pixels), scored)
