"""Processes that read: they change no weight, say what is wrong as one process does, and end with the run."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nero_core.errors import ImageError, NeroError
from nero_core.training import TrainingStep, pixels, train, workers
from nero_core.training.pixels import Pixels
from nero_core.training.workers import worker_count
from tests.nero_core.training.material import SMALL, weights_of

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SIDE, BATCH = 224, 32


class Sized(Pixels):
    """A dataset of so many images."""

    def __init__(self, images: int) -> None:
        self.size, self.images = (SIDE, SIDE), images

    def __len__(self) -> int:
        return self.images


MANY, MORE_THAN_FIT = Sized(10_000), Sized(100_000)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(16), raising=False)
    monkeypatch.setattr(workers, "free_shared_memory", lambda: sys.maxsize)
    return monkeypatch


@pytest.mark.parametrize(
    ("data", "device", "augment", "expected"),
    [
        (MANY, GPU, "light", 8),
        (MANY, GPU, "none", 0),  # nothing to do: the pixels are in memory
        (MORE_THAN_FIT, GPU, "none", 8),
        (MANY, CPU, "light", 4),
        (MORE_THAN_FIT, CPU, "none", 4),
        (Sized(100), GPU, "nero", 0),  # read before a process has started
    ],
)
@pytest.mark.usefixtures("machine")
def test_as_many_processes_read_as_the_classifier_leaves_work_for(
    data: Sized, device: torch.device, augment: str, expected: int
):
    assert worker_count(None, data, BATCH, device, augment) == expected


@pytest.mark.usefixtures("machine")
def test_images_that_are_read_once_are_not_kept():
    assert worker_count(None, MANY, BATCH, GPU, "none", is_once=True) == 8


def test_a_small_machine_reads_in_the_process_that_learns(machine: pytest.MonkeyPatch):
    machine.setattr(os, "sched_getaffinity", lambda _: range(2))
    assert worker_count(None, MANY, BATCH, CPU, "nero") == 0
    assert worker_count(None, MORE_THAN_FIT, BATCH, CPU, "nero") == 2
    assert worker_count(5, MANY, BATCH, CPU, "nero") == 2


def test_what_is_asked_for_is_done(machine: pytest.MonkeyPatch):
    assert worker_count(3, Sized(100), BATCH, CPU, "light") == 3
    assert worker_count(0, MANY, BATCH, GPU, "light") == 0
    machine.setattr(workers, "free_shared_memory", lambda: 64 * 2**20)
    assert worker_count(None, MANY, BATCH, GPU, "light") == 2  # a container of 64 MB: 3 · 32 · 3 · 224² bytes for each


def test_memory_that_processes_share_may_be_smaller(monkeypatch: pytest.MonkeyPatch):
    assert MANY.can_be_kept(shared=False)
    monkeypatch.setattr(pixels, "free_shared_memory", lambda: 64 * 2**20)
    assert MANY.can_be_kept(shared=False)
    assert not MANY.can_be_kept(shared=True)
    assert not MORE_THAN_FIT.can_be_kept(shared=False)


@pytest.mark.slow
def test_processes_read_what_one_would_also_where_one_of_them_has_died(data: Path, finished: Path, tmp_path: Path):
    def kill(step: TrainingStep) -> None:
        if (step.epoch, step.batch) == (2, 1):
            for process in multiprocessing.active_children():
                process.kill()

    with pytest.raises(NeroError, match=r"Found that one has ended.*--workers 0"):
        train(data, tmp_path, **SMALL, workers=1, on_progress=kill)
    train(data, tmp_path, **SMALL, workers=2)
    assert weights_of(tmp_path) == weights_of(finished)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_processes_that_decode_anew_read_the_same(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pixels, "KEPT_BYTES", 0)
    train(data, tmp_path, **SMALL, workers=1)
    assert weights_of(tmp_path) == weights_of(finished)


@pytest.mark.slow
def test_a_broken_image_is_told_as_without_processes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pixels, "KEPT_BYTES", 0)
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "red" / "broken.png").write_bytes(b"not a picture")
    told = []
    for count in (0, 1):
        with pytest.raises(ImageError, match=r"^red/broken.png: expected a PNG") as caught:
            train(tmp_path / "data", tmp_path / f"run-{count}", **SMALL, workers=count)
        told.append(str(caught.value))
    assert told[0] == told[1]
    assert multiprocessing.active_children() == []


RUN = """
import json, sys, time
from pathlib import Path
from nero_core.training import train

def slow(step):
    print(step.epoch, flush=True)
    time.sleep(0.1 * step.epoch)

if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), **json.loads(sys.argv[3]), on_progress=slow)
"""


def processes(group: int) -> list[int]:
    """Those of a process group that have not ended."""
    found = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()]
    return [int(pid) for pid, of, state in rows if int(of) == group and not state.startswith("Z")]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_run_that_is_ended_and_the_run_goes_on_at_once(
    data: Path, finished: Path, tmp_path: Path, number: signal.Signals
):
    program = tmp_path / "run.py"
    program.write_text(RUN)
    out = tmp_path / "out"
    command = [sys.executable, program, data, out, json.dumps({**SMALL, "workers": 1})]
    with subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.strip() == "2":
                break
        assert len(processes(run.pid)) > 1
        if number == signal.SIGINT:
            os.killpg(run.pid, number)  # as the terminal sends Ctrl-C, to all
        else:
            run.kill()
        run.stdout.close()
        assert run.wait(timeout=60) != 0
        train(data, out, **SMALL)
        assert weights_of(out) == weights_of(finished)
        until = time.monotonic() + 60  # a process looks every five seconds whether its parent lives
        while processes(run.pid) and time.monotonic() < until:
            time.sleep(0.2)
        assert processes(run.pid) == []
