"""``nero worklist``."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nero_core.store import audit_lines, find_items, find_worklists, open_store
from tests.nero_core.video.clips import black, drawn, write_clip

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    return tmp_path / "home"


def test_a_folder_is_scored_listed_and_exported(nero: Run, tiny_bundle: Path, phantoms: Path, tmp_path: Path):
    (tmp_path / "frames").mkdir()
    for number, image in enumerate(sorted((phantoms / "ood").rglob("*.jpg"))[:3]):
        (tmp_path / "frames" / f"{number}.jpg").write_bytes(image.read_bytes())
    (tmp_path / "frames" / "3.png").write_text("no picture")
    assert "No worklists yet" in nero("worklist", "list").stdout
    order = ("worklist", "score", tmp_path / "frames", "--bundle", tiny_bundle, "--out", "Monday", "--device", "cpu")
    progress = tmp_path / "progress.jsonl"
    done = nero(*order, "--method", "nero", "--progress", progress, "--keep", "--borderline", "0.9")
    assert done.exit_code == 0, done.output
    assert "Monday: 4 images, 3 scored, 1 not: " in done.stdout
    lines = [json.loads(line) for line in progress.read_text().splitlines()]
    assert next(line["stage"] for line in lines if "stage" in line) == "reading"
    assert lines[-2:] == [{"stage": "scoring", "done": 4, "total": 4}, {"finished": True}]
    assert len([path for path in (tmp_path / "home" / "uploads").rglob("*") if path.is_file()]) == 4
    again = nero(*order)
    assert again.exit_code == 2 and "Found one of the name 'Monday'" in again.stderr and "--resume" in again.stderr
    with open_store() as store:
        assert find_worklists(store)[0].settings == {"borderline": 0.9}
    resumed = nero(*order[:2], *order[3:], "--resume")  # from the copies
    assert resumed.exit_code == 0 and "Monday: 4 images, 3 scored" in resumed.stdout
    assert "Monday" in nero("worklist", "list").stdout
    for form in ("csv", "json", "parquet"):
        assert nero("worklist", "export", "Monday", "--format", form, "--out", tmp_path / form).exit_code == 0
    with (tmp_path / "csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["0.jpg", "1.jpg", "2.jpg", "3.png"]
    assert [row["state"] for row in rows] == ["scored", "scored", "scored", "failed"]
    assert json.loads((tmp_path / "json").read_text())[0]["score"] == float(rows[0]["score"])
    assert (tmp_path / "parquet").read_bytes().startswith(b"PAR1")


def test_a_video_is_scored_frame_by_frame_and_goes_on_from_the_copy(nero: Run, tiny_bundle: Path, tmp_path: Path):
    clip = write_clip(tmp_path / "clip.mp4", [drawn(seed=number // 5) for number in range(20)] + [black()] * 10)
    order = ("--bundle", tiny_bundle, "--out", "Monday", "--device", "cpu", "--method", "nero")
    done = nero("worklist", "score", clip, *order, "--keep")
    assert done.exit_code == 0, done.output
    assert "clip.mp4: 30 frames, 6 looked at, 4 scored. Left out: 2 dark." in done.stdout
    assert "Monday: 4 images, 4 scored, 0 not: " in done.stdout
    assert nero("worklist", "score", *order, "--resume").exit_code == 0
    with open_store() as store:
        items = find_items(store, find_worklists(store)[0].id).items
    assert [item.name for item in items] == [f"clip.mp4#00:0{t}" for t in ("0.0", "0.5", "1.0", "1.5")]


def test_what_cannot_be_done_is_said_with_status_2(nero: Run, tiny_bundle: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    order = ("--bundle", tiny_bundle, "--out", "Monday", "--device", "cpu")
    for arguments, message in (
        ((tmp_path / "nowhere", *order), "Found nothing at"),
        ((tmp_path / "empty", *order), "Expected images in empty. Found none."),
        ((*order, "--resume"), "Expected a folder of images, or a worklist of the name 'Monday'. Found neither."),
    ):
        refused = nero("worklist", "score", *arguments)
        assert refused.exit_code == 2 and message in refused.stderr.replace("\n", " "), refused.stderr
    refused = nero("worklist", "export", "Monday", "--out", tmp_path / "out.csv")
    assert refused.exit_code == 2 and "Expected a worklist of the name 'Monday'" in refused.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on(nero: Run, tiny_bundle: Path, phantoms: Path, tmp_path: Path):
    for copy in range(4):
        shutil.copytree(phantoms, tmp_path / "frames" / str(copy))
    order = [
        "worklist",
        "score",
        str(tmp_path / "frames"),
        "--bundle",
        str(tiny_bundle),
        "--out",
        "Monday",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "nero_core.cli", *order, "--method", "nero"]
    process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    with open_store() as store:
        while not (found := find_worklists(store)) or not found[0].counts.get("scored"):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = {item.id: item.result for item in find_items(store, found[0].id, limit=1000).items if item.result}
        assert 32 <= len(before) < 224
        assert nero(*order, "--resume").exit_code == 0  # what the killed run had comes back with its lease
        after = {item.id: item.result for item in find_items(store, found[0].id, limit=1000).items}
        assert all(after.values()) and len(after) == 224
        assert {number: after[number] for number in before} == before
        assert sum(line.action == "result" for line in audit_lines(store)) == 224
