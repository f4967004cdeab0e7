"""Training: the same seed gives the same weights, and bad options are told."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from nero_core.errors import CheckpointError, NeroError
from nero_core.models import ModelCard, load_checkpoint
from nero_core.training import RECIPES, train
from tests.nero_core.training.material import PER_CLASS, SMALL, weights_of


def test_a_finished_folder_holds_the_checkpoint_and_the_metrics_and_no_state(finished: Path):
    assert {path.name for path in finished.iterdir()} == {"model.safetensors", "model.json", "metrics.jsonl"}
    classifier, card = load_checkpoint(finished)
    assert card.classes == ("green", "red")
    assert card.input_size == (32, 32)
    assert classifier.head.classes == 2


def test_metrics_are_one_json_line_an_epoch(finished: Path):
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert list(line) == ["epoch", "loss", "train_accuracy", "validation_accuracy", "seconds", "validation_loss"]
        assert line["loss"] > 0
        assert line["validation_loss"] > 0
        assert 0 <= line["train_accuracy"] <= 1
        assert 0 <= line["validation_accuracy"] <= 1


def test_the_card_lists_the_digest_of_every_image_also_of_the_validation_part(data: Path, finished: Path):
    card = ModelCard.model_validate_json((finished / "model.json").read_bytes())
    files = {hashlib.sha256(path.read_bytes()).hexdigest() for path in data.glob("*/*.png")}
    assert len(files) == 2 * PER_CLASS
    assert set(card.training.digests) == files
    assert card.training.images == 2 * PER_CLASS
    assert card.training.settings["validation_images"] == 0.2 * 2 * PER_CLASS
    assert card.training.epochs == 3
    assert card.training.seed == 0
    assert card.training.settings["learning_rate"] == RECIPES["scratch"].learning_rate
    assert card.training.settings["versions"]["torch"] == torch.__version__.split("+")[0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(data: Path, finished: Path, tmp_path: Path):
    train(data, tmp_path / "again", **SMALL)
    train(data, tmp_path / "other", **SMALL, seed=1)
    assert weights_of(tmp_path / "again") == weights_of(finished)
    assert weights_of(tmp_path / "other") != weights_of(finished)


def test_a_classifier_learns_two_colours(data: Path, tmp_path: Path):
    card = train(data, tmp_path, **{**SMALL, "epochs": 8}, augment="none")
    assert card.training.validation_accuracy == 1.0


def test_half_precision_files_are_half_the_size_and_load(data: Path, finished: Path, tmp_path: Path):
    train(data, tmp_path, **SMALL, half=True)
    assert len(weights_of(tmp_path)) < 0.55 * len(weights_of(finished))
    exact, rounded = (load_checkpoint(folder)[0].head.weight for folder in (finished, tmp_path))
    torch.testing.assert_close(exact, rounded, rtol=1e-3, atol=1e-4)


def test_no_validation_part_gives_no_validation_accuracy(data: Path, tmp_path: Path):
    card = train(data, tmp_path, **{**SMALL, "epochs": 1, "validation_share": 0.0})
    assert card.training.validation_accuracy is None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", float("nan")),
        ("schedule", "linear"),
        ("augment", "heavy"),
        ("size", 8),
        ("seed", -1),
        ("validation_share", 1.0),
        ("workers", -1),
    ],
)
def test_an_option_out_of_its_range_is_refused(data: Path, tmp_path: Path, option: str, value: object):
    with pytest.raises(NeroError, match=rf"Expected --.*Found {value!r}"):
        train(data, tmp_path / "run", **{**SMALL, option: value})
    assert not (tmp_path / "run").exists()


def test_an_unknown_architecture_does_not_claim_the_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="resnet81"):
        train(data, tmp_path / "out", arch="resnet81", size=32, device="cpu")
    assert not (tmp_path / "out").exists()
