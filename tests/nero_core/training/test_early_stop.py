"""Stopping early: the best weights come back, and a kill loses nothing of what is known about them."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from nero_core.errors import CheckpointError
from nero_core.training import TrainingStep, train
from tests.nero_core.training.material import SMALL, weights_of

# A rate at which the validation loss soon gets worse again.
RUN = {**SMALL, "epochs": 12, "learning_rate": 3e-2, "schedule": "constant", "augment": "none", "early_stop": 2}


@pytest.fixture(scope="module")
def stopped(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("stopped") / "run"
    train(data, out, **RUN)
    return out


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def best_of(out: Path) -> int:
    return min(lines(out), key=lambda line: line["validation_loss"])["epoch"]


def test_a_run_stops_after_its_patience_and_the_card_says_which_epoch_it_took(data: Path, stopped: Path):
    card = train(data, stopped, **RUN)
    best = best_of(stopped)
    assert len(lines(stopped)) == best + 2 < RUN["epochs"]
    assert card.training.epochs == best + 2
    assert card.training.settings["weights_of_epoch"] == best
    assert card.training.settings["early_stop"] == 2
    assert card.training.validation_accuracy == lines(stopped)[best - 1]["validation_accuracy"]


def test_the_weights_are_those_of_the_best_epoch(data: Path, stopped: Path, tmp_path: Path):
    """The same run, ended right there."""
    train(data, tmp_path, **{**RUN, "early_stop": None, "epochs": best_of(stopped)})
    assert weights_of(tmp_path) == weights_of(stopped)


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("after_best", [0, 1, 2])
def test_a_killed_run_stops_where_it_would_have_and_with_the_same_weights(
    data: Path, stopped: Path, tmp_path: Path, after_best: int
):
    def kill(step: TrainingStep) -> None:
        if step.epoch == best_of(stopped) + after_best and step.metrics is not None:
            raise Killed

    with pytest.raises(Killed):
        train(data, tmp_path, **RUN, on_progress=kill)
    assert any(name.startswith("best.") for name in load_file(tmp_path / "state.safetensors"))
    train(data, tmp_path, **RUN)
    assert weights_of(tmp_path) == weights_of(stopped)
    assert [line["validation_loss"] for line in lines(tmp_path)] == [line["validation_loss"] for line in lines(stopped)]


def test_another_patience_is_another_run(data: Path, stopped: Path):
    with pytest.raises(CheckpointError, match="early_stop 2, not 3"):
        train(data, stopped, **{**RUN, "early_stop": 3})
