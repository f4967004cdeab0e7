"""One pass over the images."""

from pathlib import Path

import pytest
import torch

from nero_core.errors import CheckpointError
from nero_core.training import train
from tests.nero_core.training.material import SMALL


def test_a_rest_of_one_image_does_not_stop_batch_norm(data: Path, tmp_path: Path):
    card = train(data, tmp_path, **{**SMALL, "epochs": 1, "batch_size": 19, "validation_share": 0.0})
    assert card.training.images == 20


def test_a_loss_that_is_not_finite_stops_training_and_says_what_to_do(data: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"finite loss.*--lr.*--restart"):
        train(data, tmp_path, **SMALL, learning_rate=1e30, schedule="constant")
    assert not (tmp_path / "model.json").exists()


def test_training_leaves_the_callers_random_numbers_alone(data: Path, tmp_path: Path):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(data, tmp_path, **{**SMALL, "epochs": 1})
    assert torch.equal(torch.rand(4), expected)
