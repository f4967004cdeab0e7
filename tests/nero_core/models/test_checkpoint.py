"""Checkpoint folders: what they hold comes back, and what is wrong with them is said."""

import json
import pickle
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from nero_core.errors import CheckpointError
from nero_core.models import ModelCard, TrainingFacts, create_classifier, load_checkpoint, save_checkpoint

CLASSES = ("a", "b", "c")
PIXELS = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = create_classifier("resnet10t", CLASSES, (64, 64)).model
    card = ModelCard(arch="resnet10t", classes=CLASSES, input_size=(64, 64), training=TrainingFacts(seed=3, epochs=2))
    save_checkpoint(tmp_path, model, card)
    return tmp_path


def test_what_is_saved_comes_back(folder: Path) -> None:
    torch.manual_seed(0)
    original = create_classifier("resnet10t", CLASSES, (64, 64))
    classifier, card = load_checkpoint(folder)
    assert torch.equal(classifier.features(PIXELS), original.features(PIXELS))
    assert card.training.seed == 3
    assert classifier.class_names == CLASSES


def test_a_half_precision_file_loads_as_float32(folder: Path) -> None:
    full, card = load_checkpoint(folder)
    save_checkpoint(folder, full.model, card, half=True)
    assert load_file(folder / "model.safetensors")["fc.weight"].dtype is torch.float16
    half, _ = load_checkpoint(folder)
    assert {tensor.dtype for tensor in half.model.parameters()} == {torch.float32}
    torch.testing.assert_close(half.features(PIXELS), full.features(PIXELS), rtol=0.05, atol=0.01)


def test_a_torchvision_resnet18_state_dict_loads(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    card = ModelCard(arch="resnet18", classes=CLASSES, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    (tmp_path / "model.json").write_text(card.model_dump_json())
    classifier, _ = load_checkpoint(tmp_path)
    with torch.no_grad():
        expected = theirs(PIXELS)
    torch.testing.assert_close(classifier.head.logits(classifier.features(PIXELS)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_a_pickle_in_place_of_weights_is_never_opened(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"fc.weight": [1.0]}))
    with pytest.raises(CheckpointError, match="never opened"):
        load_checkpoint(folder)


def test_a_truncated_file_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="safetensors"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arch": "resnet18"}, "missing"),
        ({"arch": "no-such-net"}, "'no-such-net'"),
        ({"classes": ["a", "b"]}, r"\(2,\)"),
        ({"classes": ["a"]}, "classes"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_a_card_that_does_not_fit_the_weights_is_refused(folder: Path, change: dict[str, object], message: str) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | change))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["fc.bias"][0] = torch.nan
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"fc\.bias"):
        load_checkpoint(folder)
