"""The learner: what it keeps and gives back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from nero_core.data.folders import read_folder
from nero_core.models import create_classifier
from nero_core.training.images import Images
from nero_core.training.learner import Learner

RATE = 1e-3


@pytest.fixture(autouse=True)
def seed() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def new_learner() -> Learner:
    return Learner(create_classifier("resnet10t", ("green", "red"), (32, 32)), RATE, torch.device("cpu"))


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
    expected, found = first.state(), second.state()
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())


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


def test_no_images_have_no_accuracy(data: Path):
    assert new_learner().accuracy(Images(read_folder(data).select([]), 32, 8)) is None
