"""What programs save beside a network's own tensors is left out and said; a part of another network is refused."""

from pathlib import Path

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nero_core.errors import CheckpointError
from nero_core.models import ModelCard, load_checkpoint
from nero_core.models.import_checkpoint import import_checkpoint

CLASSES = ("a", "b", "c")


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=3)


def imported(folder: Path, content: object, arch: str = "test_resnet", **options: object) -> ModelCard:
    torch.save(content, folder / "x.pth")
    return import_checkpoint(folder / "x.pth", arch, CLASSES, folder / "out", **{"size": 64, **options})


def has_weights_of(folder: Path, model: nn.Module) -> bool:
    ours = load_checkpoint(folder / "out")[0].model.state_dict()
    return all(torch.equal(ours[name], tensor) for name, tensor in model.state_dict().items())


def left_out(card: ModelCard) -> list[str]:
    return list(card.training.settings["imported"].get("left_out", ()))


@pytest.mark.parametrize(
    "extra",
    [
        {"criterion.weight": torch.ones(3)},
        {"loss_fn.weight": torch.ones(3)},
        {"ce.weight": torch.ones(3)},
        {"class_weights": torch.ones(3)},
        {"weight": torch.ones(3)},
        {"n_averaged": torch.tensor(7)},
        {"num_updates": torch.tensor(7), "decay": torch.tensor(0.999)},
        {"train_acc.tp": torch.ones(3), "train_acc.fp": torch.ones(3)},
        {"val_auroc.confmat": torch.zeros(200, 3, 2, 2)},
        {"metrics.confusion": torch.zeros(3, 3)},
        {"global_step": torch.tensor([12])},
    ],
    ids=lambda extra: next(iter(extra)),
)
@pytest.mark.parametrize("prefix", ["", "model.", "module."])
def test_what_looks_at_a_network_from_outside_is_left_out_and_named(
    tmp_path: Path, small: nn.Module, extra: dict[str, Tensor], prefix: str
):
    state = {f"{prefix}{name}": tensor for name, tensor in small.state_dict().items()}
    card = imported(tmp_path, {**extra, **state})
    assert has_weights_of(tmp_path, small)
    assert left_out(card) == sorted(extra)


def test_nothing_is_named_where_nothing_is_left_out(tmp_path: Path, small: nn.Module):
    assert "left_out" not in imported(tmp_path, small.state_dict()).training.settings["imported"]


@pytest.mark.parametrize(
    ("trained", "named"),
    [("resnet34", "resnet18"), ("resnet26", "resnet14t"), ("vit_tiny_patch16_224", "vit_tiny_patch16_224_depth")],
)
def test_the_larger_network_of_a_family_is_not_taken_for_the_smaller(tmp_path: Path, trained: str, named: str):
    if named.endswith("depth"):  # a transformer of eight blocks, of which the first six are a network of six
        larger = timm.create_model("test_vit", depth=8, num_classes=3).state_dict()
        named = "test_vit"
    else:
        larger = timm.create_model(trained, num_classes=3).state_dict()
    with pytest.raises(CheckpointError, match="unknown"):
        imported(tmp_path, larger, named, size=None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "extra",
    [
        {"reg_token": torch.zeros(1, 4, 64)},
        {"head_dist.weight": torch.zeros(3, 64), "head_dist.bias": torch.zeros(3)},
        {"fc2.weight": torch.zeros(3, 3), "fc2.bias": torch.zeros(3)},
        {"norm.weight": torch.ones(3), "norm.bias": torch.zeros(3)},
        {"layer9.0.conv1.weight": torch.zeros(1, 1, 1, 1), "layer9.0.bn1.bias": torch.zeros(1)},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_what_may_be_a_layer_is_refused(tmp_path: Path, small: nn.Module, extra: dict[str, Tensor]):
    with pytest.raises(CheckpointError, match=rf"{len(extra)} unknown \(first: \['{min(extra)}'\]"):
        imported(tmp_path, {**small.state_dict(), **extra})


def test_an_averaged_model_of_torch_is_imported(tmp_path: Path, small: nn.Module):
    averaged = AveragedModel(small, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    averaged.update_parameters(small)
    assert left_out(imported(tmp_path, averaged.state_dict())) == ["n_averaged"]
    assert has_weights_of(tmp_path, small)


@pytest.mark.parametrize("key", ["module", "ema_state_dict", "model_state_dict", "net", "model_ema", "my_network"])
def test_what_programs_wrap_around_weights_is_undone(tmp_path: Path, small: nn.Module, key: str):
    imported(tmp_path, {"epoch": 3, key: small.state_dict(), "optimizer": {"state": {}, "param_groups": []}})
    assert has_weights_of(tmp_path, small)


def test_two_unknown_wrappers_are_told_and_none_is_guessed(tmp_path: Path, small: nn.Module):
    with pytest.raises(CheckpointError, match="several: 'generator', 'critic'"):
        imported(tmp_path, {"generator": small.state_dict(), "critic": small.state_dict()})


@pytest.mark.parametrize(
    ("own", "copy"), [("", "ema."), ("model.", "model_ema."), ("student.", "teacher."), ("online_model.", "ema_model.")]
)
def test_of_a_network_and_its_average_the_network_is_taken(tmp_path: Path, small: nn.Module, own: str, copy: str):
    state = small.state_dict()
    averaged = {f"{copy}{name}": tensor + 1 for name, tensor in state.items()}
    card = imported(tmp_path, {**averaged, **{f"{own}{name}": tensor for name, tensor in state.items()}})
    assert has_weights_of(tmp_path, small)
    assert left_out(card) == sorted(averaged)[:200]


def test_two_networks_of_which_nothing_tells_which_was_trained_are_refused(tmp_path: Path, small: nn.Module):
    state = small.state_dict()
    both = {f"{side}.{name}": tensor for side in ("left", "right") for name, tensor in state.items()}
    with pytest.raises(CheckpointError, match=r"Found 2, under left\., right\."):
        imported(tmp_path, both)


def test_a_network_under_any_prefix_is_imported(tmp_path: Path, small: nn.Module):
    state = {f"classifier_of_mine.encoder.{name}": tensor for name, tensor in small.state_dict().items()}
    card = imported(tmp_path, {**state, "projector.0.weight": torch.ones(8, 8)})
    assert has_weights_of(tmp_path, small)
    assert left_out(card) == ["projector.0.weight"]


def test_a_head_beside_its_backbone_belongs_to_the_network(tmp_path: Path, small: nn.Module):
    state = {
        name if name.startswith("fc.") else f"backbone.{name}": tensor for name, tensor in small.state_dict().items()
    }
    assert left_out(imported(tmp_path, {**state, "loss.weight": torch.ones(3)})) == ["loss.weight"]
    assert has_weights_of(tmp_path, small)


def test_by_order_too_they_are_left_out(tmp_path: Path):
    theirs = torchvision.models.efficientnet_b0(num_classes=3)
    state = {**theirs.state_dict(), "criterion.weight": torch.ones(3), "n_averaged": torch.tensor(1)}
    card = imported(tmp_path, state, "efficientnet_b0", by_order=True)
    assert left_out(card) == ["criterion.weight", "n_averaged"]
    head = load_checkpoint(tmp_path / "out")[0].head
    assert torch.equal(head.weight, theirs.classifier[1].weight)


def test_a_torchvision_transformer_with_its_loss_is_imported(tmp_path: Path):
    theirs = torchvision.models.VisionTransformer(224, 16, 12, 3, 192, 768, num_classes=3)
    state = {f"model.{name}": tensor for name, tensor in theirs.state_dict().items()}
    card = imported(tmp_path, {**state, "criterion.weight": torch.ones(3)}, "vit_tiny_patch16_224", size=None)
    assert left_out(card) == ["criterion.weight"]
    assert card.mean == (0.485, 0.456, 0.406)  # torchvision's
    assert torch.equal(load_checkpoint(tmp_path / "out")[0].head.weight, theirs.heads.head.weight)


@pytest.mark.parametrize(
    "given", [{"mean": (123.675, 116.28, 103.53)}, {"std": (58.395, 57.12, 57.375)}, {"std": (255.0, 255.0, 255.0)}]
)
def test_a_normalisation_for_pixels_from_0_to_255_is_refused(
    tmp_path: Path, small: nn.Module, given: dict[str, tuple[float, ...]]
):
    with pytest.raises(CheckpointError, match=r"as for pixels from 0 to 255.*divide by 255"):
        imported(tmp_path, small.state_dict(), **given)
    assert not (tmp_path / "out").exists()
