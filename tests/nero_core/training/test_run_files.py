"""A run goes on to the same weights, whatever interrupts it, and touches no folder of another."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from nero_core.errors import CheckpointError, NeroError
from nero_core.training import EpochMetrics, TrainingStep, run_files, train
from tests.nero_core.training.material import SMALL, weights_of
from tests.warm_process import WarmProcesses


class Killed(BaseException):
    """Stands for SIGKILL: nothing that training catches."""


def kill_at(epoch: int, batch: int, with_metrics: bool = False) -> Callable[[TrainingStep], None]:
    def on_progress(step: TrainingStep) -> None:
        if (step.epoch, step.batch, step.metrics is not None) == (epoch, batch, with_metrics):
            raise Killed

    return on_progress


@pytest.mark.parametrize(
    ("epoch", "batch", "with_metrics"),
    [(0, 8, False), (1, 1, False), (1, 2, True), (2, 1, False), (3, 2, True)],
    ids=["reading", "first epoch", "after an epoch", "within an epoch", "after the last epoch"],
)
def test_a_killed_run_goes_on_to_the_same_weights(
    data: Path, finished: Path, tmp_path: Path, epoch: int, batch: int, with_metrics: bool
):
    with pytest.raises(Killed):
        train(data, tmp_path, **SMALL, on_progress=kill_at(epoch, batch, with_metrics))
    assert not (tmp_path / "model.json").exists()
    steps: list[TrainingStep] = []
    train(data, tmp_path, **SMALL, on_progress=steps.append)
    assert weights_of(tmp_path) == weights_of(finished)
    complete = epoch if with_metrics else max(epoch - 1, 0)
    assert [step.epoch for step in steps if step.metrics] == list(range(complete + 1, 4))
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("weights_written", [False, True])
def test_a_run_killed_while_writing_its_result_writes_it_again(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_written: bool
):
    def half_way(folder: Path, *_: object) -> None:
        if weights_written:
            (folder / "model.safetensors").write_bytes(b"torn")
            (folder / "model.json").write_text("{")
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(run_files, "save_checkpoint", half_way)
        train(data, tmp_path, **SMALL)
    train(data, tmp_path, **SMALL)
    assert weights_of(tmp_path) == weights_of(finished)


def test_a_state_that_is_torn_off_while_it_is_written_does_not_count(data: Path, finished: Path, tmp_path: Path):
    with pytest.raises(Killed):
        train(data, tmp_path, **SMALL, on_progress=kill_at(2, 1))
    (tmp_path / "state.safetensors.part").write_bytes(b"torn")
    train(data, tmp_path, **SMALL)
    assert weights_of(tmp_path) == weights_of(finished)
    assert not list(tmp_path.glob("*.part"))


SUICIDE = """
import json, os, signal, sys
from pathlib import Path
from nero_core.training import train

def on_progress(step):
    if (step.epoch, step.batch) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)

train(Path(sys.argv[1]), Path(sys.argv[2]), **json.loads(sys.argv[3]), on_progress=on_progress)
"""


@pytest.mark.slow
def test_a_real_sigkill_loses_nothing(warm: WarmProcesses, data: Path, finished: Path, tmp_path: Path):
    assert warm.run("-c", SUICIDE, data, tmp_path, json.dumps(SMALL)).returncode == -signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} == {"state.json", "state.safetensors", "metrics.jsonl"}
    steps: list[TrainingStep] = []
    train(data, tmp_path, **SMALL, on_progress=steps.append)
    assert [step.epoch for step in steps if step.metrics] == [2, 3]
    assert weights_of(tmp_path) == weights_of(finished)


def test_a_finished_run_is_not_run_again(data: Path, finished: Path):
    steps: list[TrainingStep] = []
    before = (finished / "model.safetensors").stat().st_mtime_ns
    card = train(data, finished, **SMALL, on_progress=steps.append)
    assert steps == []
    assert (finished / "model.safetensors").stat().st_mtime_ns == before
    assert card.training.epochs == 3


def test_another_run_in_the_folder_is_refused_by_name_until_restart(data: Path, finished: Path, tmp_path: Path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    with pytest.raises(CheckpointError, match=r"seed 0, not 5.*--restart"):
        train(data, out, **SMALL, seed=5)
    assert weights_of(out) == weights_of(finished)
    card = train(data, out, **{**SMALL, "epochs": 1}, seed=5, resume=False)
    assert (card.training.seed, card.training.epochs) == (5, 1)
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 1


def test_a_killed_run_is_not_continued_on_other_images(data: Path, tmp_path: Path):
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    with pytest.raises(Killed):
        train(copy, tmp_path / "run", **SMALL, on_progress=kill_at(2, 1))
    (copy / "red" / "0.png").unlink()
    with pytest.raises(CheckpointError, match="Found another one: data"):
        train(copy, tmp_path / "run", **SMALL)


def test_an_out_that_is_a_file_is_refused(data: Path, tmp_path: Path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(NeroError, match=r"Expected a folder to write to"):
        train(data, tmp_path / "run", **SMALL)
    assert (tmp_path / "run").read_text() == "mine"


def test_a_folder_with_a_state_of_another_program_is_refused(data: Path, tmp_path: Path):
    (tmp_path / "state.json").write_text("[1, 2")
    with pytest.raises(CheckpointError, match=r"to be a file of nero train.*--restart"):
        train(data, tmp_path, **SMALL)


@pytest.mark.parametrize("resume", [True, False], ids=["resume", "restart"])
@pytest.mark.parametrize("running", [False, True])
def test_a_checkpoint_that_no_run_made_is_never_dropped(
    data: Path, tiny_checkpoint: Path, tmp_path: Path, resume: bool, running: bool
):
    out = tmp_path / "mine"
    shutil.copytree(tiny_checkpoint, out)
    if running:
        (out / "state.json").write_text("{}")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(CheckpointError, match=r"Found model\.json, which is not of such a run"):
        train(data, out, **SMALL, resume=resume)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_card_that_cannot_be_read_is_left_alone(data: Path, tmp_path: Path):
    (tmp_path / "model.json").write_text("[1, 2")
    for resume in (True, False):
        with pytest.raises(CheckpointError, match=r"Found model\.json, which is not of such a run"):
            train(data, tmp_path, **SMALL, resume=resume)
    assert (tmp_path / "model.json").read_text() == "[1, 2"


def test_a_folder_that_another_run_writes_to_is_refused(data: Path, finished: Path, tmp_path: Path):
    refused = []

    def on_progress(step: TrainingStep) -> None:
        if step.metrics is not None and not refused:
            for resume in (True, False):
                with pytest.raises(CheckpointError, match=r"another nero train is writing to") as caught:
                    train(data, tmp_path, **SMALL, resume=resume)
                refused.append(caught.value)

    train(data, tmp_path, **SMALL, on_progress=on_progress)
    assert len(refused) == 2
    assert weights_of(tmp_path) == weights_of(finished)
    train(data, tmp_path, **SMALL)  # free again


def test_a_run_that_goes_on_with_other_threads_or_versions_says_so(data: Path, tmp_path: Path):
    with pytest.raises(Killed):
        train(data, tmp_path, **SMALL, on_progress=kill_at(2, 1))
    begun = json.loads((tmp_path / "state.json").read_text())
    changed = begun | {"threads": 99, "versions": begun["versions"] | {"torch": "1.0"}}
    (tmp_path / "state.json").write_text(json.dumps(changed))
    told: list[str] = []
    with pytest.raises(Killed):
        train(data, tmp_path, **SMALL, on_progress=kill_at(2, 1), on_warning=told.append)
    assert len(told) == 1
    assert "threads 99, now 1" in told[0]
    assert "'torch': '1.0'" in told[0]
    (tmp_path / "state.json").write_text(json.dumps(begun))
    train(data, tmp_path, **SMALL)  # a warning would be an error here


def test_a_loss_that_is_not_finite_is_null_in_the_metrics(tmp_path: Path):
    line = EpochMetrics(1, 0.5, 0.5, 0.5, 1.0, float("nan"))
    run_files.RunFiles(tmp_path)._write_metrics([line])
    assert json.loads((tmp_path / "metrics.jsonl").read_text(), parse_constant=pytest.fail)["validation_loss"] is None


@pytest.mark.parametrize("resume", [True, False], ids=["resume", "restart"])
@pytest.mark.parametrize("left", [None, "model.safetensors"], ids=["whole bundle", "weights alone"])
def test_a_bundle_is_refused_and_stays_as_it_is_also_on_restart(
    data: Path, tiny_bundle: Path, tmp_path: Path, resume: bool, left: str | None
):
    out = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, out, ignore=lambda _, names: {name for name in names if left not in (None, name)})
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert len(before) == 1 if left else len(before) > 3
    with pytest.raises(CheckpointError, match=r"Found .*, which is not of such a run\. Name another --out"):
        train(data, out, **SMALL, resume=resume)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_restart_that_is_killed_at_once_goes_on_as_the_new_run(data: Path, finished: Path, tmp_path: Path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    changed = {**SMALL, "epochs": 1}
    with pytest.raises(Killed):
        train(data, out, **changed, resume=False, on_progress=kill_at(0, 8))
    assert {path.name for path in out.iterdir()} == {"state.json", "model.json", "model.safetensors", "metrics.jsonl"}
    assert weights_of(out) == weights_of(finished)  # until there is a new checkpoint
    assert train(data, out, **changed).training.epochs == 1
