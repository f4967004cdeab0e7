"""Units on workers of Ray: one Ray on this machine for all tests of the file."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

from nero_core.benchmark.result_file import read_result
from nero_core.calibration import Bundle
from nero_core.inspector import Inspector
from nero_core.scale import Cluster, OneProcess, PartSettings, open_cluster, score_into_parts
from nero_core.scale.scorer import Answer, Scorer
from nero_core.scale.units import Unit
from tests.nero_core.cli.conftest import nero as nero
from tests.nero_core.scale.conftest import rows_of

Run = Callable[..., Result]
MOST = 120.0  # seconds until a worker works, on a busy machine

if os.environ.get("CI", "").lower() not in ("1", "true"):
    pytest.importorskip("ray")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with open_cluster(workers=2, device="cpu") as started:
        yield started


class Stalling(Scorer):
    """Leaves half a part of the first unit that it is given, says who it is, and waits to be killed; once."""

    def __init__(self, mark: Path, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._mark = mark

    def __call__(self, unit: Unit) -> Answer:
        try:
            with self._mark.open("x") as file:
                file.write(f"{os.getpid()} {unit.part}")
        except FileExistsError:
            return super().__call__(unit)
        (self._out / f".{unit.part}.1.part").write_bytes(b"PAR1")
        time.sleep(MOST)
        return super().__call__(unit)


class KilledOnce:
    """The cluster, one worker of which is killed in the middle of a unit."""

    def __init__(self, cluster: Cluster, mark: Path) -> None:
        self.device, self.threads = cluster.device, cluster.threads
        self._cluster, self._mark, self.killed = cluster, mark, ""

    def map(self, make: type, arguments: tuple[Any, ...], units: Any) -> Iterator[Any]:
        thread = threading.Thread(target=self._kill)
        thread.start()
        yield from self._cluster.map(Stalling, (self._mark, *arguments), units)
        thread.join()

    def _kill(self) -> None:
        end = time.monotonic() + MOST
        while time.monotonic() < end and not (self._mark.exists() and self._mark.stat().st_size):
            time.sleep(0.05)
        process, part = self._mark.read_text().split()
        os.kill(int(process), signal.SIGKILL)
        self.killed = part


def test_a_worker_that_is_killed_in_a_unit_costs_no_row_and_doubles_none(
    cluster: Cluster, tiny_bundle: Path, tiny_inspector: Inspector, material: Path, tmp_path: Path
):
    settings = PartSettings(tiny_inspector.bundle.digest, "0", "nero", 0.8)
    engine, answers = KilledOnce(cluster, tmp_path / "mark"), list[Answer]()
    scored = score_into_parts(
        tiny_bundle,
        [material],
        tmp_path / "ray",
        settings,
        engine,
        size=4,
        on_answer=lambda answer, done, total: answers.append(answer),
    )
    assert engine.killed in {path.name for path in (tmp_path / "ray").glob("part-*")}
    assert (scored.images, scored.failed, len(answers)) == (24, 2, 7)
    score_into_parts(tiny_bundle, [material], tmp_path / "alone", settings, OneProcess("cpu"), size=4)
    assert rows_of(tmp_path / "ray") == rows_of(tmp_path / "alone")


def test_nero_score_goes_on_with_ray_where_one_process_stood(
    nero: Run, cluster: Cluster, tiny_bundle: Path, material: Path, tmp_path: Path
):
    options = ("--method", "nero", "--device", "cpu", "--out", tmp_path / "out")
    assert nero("score", tiny_bundle, material / "six.tar", *options).exit_code == 0
    result = nero("score", tiny_bundle, material, *options, "--engine", "ray", "--workers", 1)
    assert result.exit_code == 1, result.output
    assert "24 images scored, 18 of them now" in result.stdout
    assert "Note: material: 15 images are read" not in result.stderr
    errors = [json.loads(line) for line in (tmp_path / "out" / "errors.jsonl").read_text().splitlines()]
    assert sorted(Path(error["file"]).name for error in errors) == ["broken.jpg", "six.parquet#row 5"]


def test_nero_calibrate_on_ray_makes_the_bundle_of_one_process(
    nero: Run, cluster: Cluster, tiny_checkpoint: Path, phantoms: Path, tiny_bundle: Path, tmp_path: Path
):
    result = nero(
        *("calibrate", tiny_checkpoint, phantoms / "id", "--out", tmp_path / "tiny", "--ood", phantoms / "ood"),
        *("--no-references", "--no-patches", "--no-comparison", "--no-quiz-images", "--allow-reduced-rank"),
        *("--title", "Tiny", "--synthetic", "--device", "cpu", "--engine", "ray", "--workers", 1),
    )
    assert result.exit_code == 0, result.output
    made, expected = (Bundle.load(path, "cpu") for path in (tmp_path / "tiny", tiny_bundle))
    assert made.card == expected.card  # which has the digest of every other file


def test_nero_benchmark_on_ray_observes_nothing_here_and_finds_the_same(
    nero: Run, cluster: Cluster, tiny_bundle: Path, phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    options = ("benchmark", tiny_bundle, "--ood", phantoms / "ood", "--methods", "nero,odin", "--device", "cpu")
    assert nero(*options, "--out", tmp_path / "alone").exit_code == 0

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("an image is observed here")

    monkeypatch.setattr("nero_core.benchmark.cache.observe_part", refuse)
    result = nero(*options, "--out", tmp_path / "ray", "--engine", "ray", "--workers", 1)
    assert result.exit_code == 0, result.output
    on_ray, alone = (read_result(tmp_path / name / "results.json") for name in ("ray", "alone"))
    for method, expected in zip(on_ray.methods, alone.methods, strict=True):  # all but seconds
        assert (method.method, method.pooled, method.per_class) == (
            expected.method,
            expected.pooled,
            expected.per_class,
        )
        assert torch.equal(method.ood_scores, expected.ood_scores)
    again = nero(*options, "--out", tmp_path / "ray", "--engine", "ray", "--workers", 1)
    assert again.exit_code == 0, again.output


def test_more_workers_than_there_is_room_for_are_refused(
    nero: Run, cluster: Cluster, tiny_bundle: Path, material: Path, tmp_path: Path
):
    result = nero("score", tiny_bundle, material, "--out", tmp_path / "out", "--engine", "ray", "--workers", 4000)
    assert result.exit_code == 2
    assert "Expected room for 4000 workers of 1 core each." in result.stderr


def test_an_address_with_no_cluster_is_refused_at_once(
    nero: Run, tiny_bundle: Path, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens here
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr("ray.is_initialized", lambda: False)
        result = nero(
            *("score", tiny_bundle, material, "--out", tmp_path / "out", "--engine", "ray", "--address", address)
        )
    assert result.exit_code == 2
    assert f"Expected a Ray cluster at {address}. Found: Connection refused." in result.stderr
