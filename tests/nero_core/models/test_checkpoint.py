"""Checkpoint folders: what they hold comes back, and what is wrong with them is said."""

import json
import pickle
from pathlib import Path
from typing import IO, Any

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from timm.models.resnet import ResNet
from torch import nn

from nero_core.errors import CheckpointError
from nero_core.models import ModelCard, TrainingFacts, checkpoint, create_classifier, load_checkpoint, save_checkpoint
from nero_core.models.classifier import build_model

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
        ({"arch": "resnet10t.x"}, "'resnet10t.x'"),
        ({"input_size": [0, 64]}, "input_size"),
        ({"input_size": [64, -1]}, "input_size"),
        ({"input_size": [100_000, 64]}, "input_size"),
        ({"std": [1, 0, 1]}, "std"),
        ({"std": [1, float("nan"), 1]}, "std"),
        ({"mean": [0, float("inf"), 0]}, "mean"),
        ({"classes": ["a", "b", "a"]}, "'a' 2 times"),
        ({"classes": ["a", "b", " "]}, "empty class name"),
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


def test_weights_that_do_not_fit_are_neither_loaded_nor_given_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []

    def build(arch: str, classes: int, input_size: tuple[int, int]) -> nn.Module:
        devices.append(torch.get_default_device().type)
        return build_model(arch, classes, input_size)

    monkeypatch.setattr(checkpoint, "build_model", build)
    monkeypatch.setattr(checkpoint, "load", lambda data: pytest.fail("The weights were unpacked."))
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"arch": "eva_giant_patch14_224", "input_size": [224, 224]}))
    with pytest.raises(CheckpointError, match="eva_giant_patch14_224"):
        load_checkpoint(folder)
    assert devices == ["meta"]


@pytest.mark.parametrize(
    ("name", "dtype", "actual"),
    [("fc.bias", torch.int64, "I64"), ("fc.weight", torch.float8_e4m3fn, "F8"), ("bn1.num_batches_tracked", None, "F")],
)
def test_a_tensor_of_another_dtype_is_refused(folder: Path, name: str, dtype: torch.dtype | None, actual: str) -> None:
    state = load_file(folder / "model.safetensors")
    name = name if name in state else next(key for key in state if key.endswith("num_batches_tracked"))
    state[name] = state[name].to(dtype or torch.float32)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"Expected {name} .* Found {actual}"):
        load_checkpoint(folder)


def test_an_architecture_whose_head_is_not_its_last_step_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ResNet.forward
    monkeypatch.setattr(ResNet, "forward", lambda self, x: plain(self, x).tanh())
    with pytest.raises(CheckpointError, match="not the last step"):
        load_checkpoint(folder)


def test_weights_that_cannot_be_read_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(path: Path, *args: Any, **kwargs: Any) -> IO[Any]:
        if path.name == "model.safetensors":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match=r"model\.safetensors\. Found: Permission denied"):
        load_checkpoint(folder)


def test_weights_above_the_limit_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_WEIGHT_BYTES", 1000)
    with pytest.raises(CheckpointError, match=r"at most 1000 bytes\. Found \d{8} in model\.safetensors"):
        load_checkpoint(folder)


def test_weights_that_are_infinite_in_float32_are_refused(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    state["fc.bias"] = state["fc.bias"].double()
    state["fc.bias"][0] = 1e300
    save_file(state, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"fc\.bias"):
        load_checkpoint(folder)


def test_rounding_to_half_gives_the_values_that_are_stored(folder: Path, tmp_path: Path) -> None:
    classifier, card = load_checkpoint(folder)
    save_checkpoint(tmp_path / "half", classifier.model, card, half=True)
    checkpoint.round_to_half(classifier.model)
    stored, _ = load_checkpoint(tmp_path / "half")
    for name, tensor in classifier.model.state_dict().items():
        assert torch.equal(tensor, stored.model.state_dict()[name]), name


def test_whoever_may_read_the_card_may_read_the_weights(folder: Path) -> None:
    assert (folder / "model.safetensors").stat().st_mode == (folder / "model.json").stat().st_mode
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]
