"""Training the head alone, on features that are computed once."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nero_core.models import load_checkpoint
from nero_core.training import RECIPES, TrainingStep, features, train
from nero_core.training.learner import Learner
from tests.nero_core.training.material import SMALL, weights_of

EPOCHS = 5


@pytest.fixture(scope="module")
def frozen(finished: Path) -> dict[str, object]:
    """The options of a run on the weights of a finished one, whose backbone stays."""
    return {**SMALL, "epochs": EPOCHS, "weights": finished / "model.safetensors", "freeze_backbone": True}


@pytest.fixture(scope="module")
def uninterrupted(data: Path, frozen: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("frozen") / "run"
    train(data, out, **frozen)
    return out


def test_only_the_head_changes(finished: Path, uninterrupted: Path):
    before, after = (load_file(folder / "model.safetensors") for folder in (finished, uninterrupted))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"fc.weight", "fc.bias"}
    settings = load_checkpoint(uninterrupted)[1].training.settings
    recipe = RECIPES["frozen"]
    assert settings["freeze_backbone"] is True
    assert (settings["augment"], settings["schedule"], settings["learning_rate"]) == (
        recipe.augment,
        recipe.schedule,
        recipe.learning_rate,
    )
    assert {path.name for path in uninterrupted.iterdir()} == {"model.safetensors", "model.json", "metrics.jsonl"}


def test_each_image_goes_through_the_backbone_once_however_many_epochs(
    data: Path, frozen: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    plain = Learner.features

    def counted(self: Learner, pixels: torch.Tensor) -> torch.Tensor:
        seen.append(len(pixels))
        return plain(self, pixels)

    monkeypatch.setattr(Learner, "features", counted)
    train(data, tmp_path, **{**frozen, "epochs": 50})
    assert sum(seen) == 20


def test_with_augmentation_the_backbone_runs_and_still_does_not_change(
    data: Path, finished: Path, frozen: dict[str, object], tmp_path: Path
):
    train(data, tmp_path, **{**frozen, "epochs": 1}, augment="nero")
    before, after = (load_file(folder / "model.safetensors") for folder in (finished, tmp_path))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"fc.weight", "fc.bias"}


def test_of_a_backbone_that_is_stored_as_float16_the_head_learns_on_what_is_stored(
    data: Path, frozen: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    learnt: list[tuple[torch.Tensor, torch.Tensor]] = []
    plain = Learner.features

    def kept(self: Learner, pixels: torch.Tensor) -> torch.Tensor:
        learnt.append((pixels, plain(self, pixels)))
        return learnt[-1][1]

    monkeypatch.setattr(Learner, "features", kept)
    train(data, tmp_path, **{**frozen, "epochs": 1}, half=True)
    classifier, _ = load_checkpoint(tmp_path)
    assert learnt and all(torch.equal(classifier.features(pixels / 255), found) for pixels, found in learnt)


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("epoch", [0, 1, 3, EPOCHS])
@pytest.mark.parametrize("features_kept", [True, False, None], ids=["features kept", "lost", "torn"])
def test_a_killed_run_goes_on_to_the_same_weights(
    data: Path,
    frozen: dict[str, object],
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
    features_kept: bool | None,
):
    def kill(step: TrainingStep) -> None:
        if step.epoch == epoch and step.batch == 1:
            raise Killed
        if step.epoch == 0 == epoch:
            raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path, **frozen, on_progress=kill)
    features_file = tmp_path / "features.safetensors"
    assert features_file.exists() == (epoch > 0)
    if features_kept is False:
        features_file.unlink(missing_ok=True)
    elif features_kept is None:
        features_file.write_bytes(b"torn")
    elif epoch > 0:
        monkeypatch.setattr(features.Features, "read", lambda *_: pytest.fail("The features were computed again."))
    train(data, tmp_path, **frozen)
    assert weights_of(tmp_path) == weights_of(uninterrupted)
    figures = [
        [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in text.splitlines()]
        for text in ((folder / "metrics.jsonl").read_text() for folder in (tmp_path, uninterrupted))
    ]
    assert figures[0] == figures[1]
    assert not features_file.exists()


def test_features_of_another_size_are_computed_anew(
    data: Path, frozen: dict[str, object], uninterrupted: Path, tmp_path: Path
):
    def kill(step: TrainingStep) -> None:
        if step.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path, **frozen, on_progress=kill)
    save_file({"training": torch.zeros(3, 4), "validation": torch.zeros(1, 4)}, tmp_path / "features.safetensors")
    train(data, tmp_path, **frozen)
    assert weights_of(tmp_path) == weights_of(uninterrupted)
