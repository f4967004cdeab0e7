"""``nero video``."""

import csv
import inspect
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nero_core.cli.video import video
from nero_core.inspector import Inspector
from nero_core.video import GAP, LEAST, Sampling, Video, score_video
from tests.nero_core.video.clips import drawn, write_clip

Run = Callable[..., Result]
KEYS = (
    "file time time_stamp frame id predicted confidence method score threshold is_ood verdict p_value stretch".split()
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three healthy seconds, then two of a lesion; five frames a second."""
    pictures = [drawn()] * 15 + [drawn("polyps", 4)] * 10
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.avi", pictures, rate=5)


def run(nero: Run, clip: Path, tiny_bundle: Path, *more: object) -> Result:
    return nero("video", clip, "--bundle", tiny_bundle, "--method", "nero", "--tpr", 0.8, "--device", "cpu", *more)


def test_json_has_a_line_a_frame_and_one_of_the_video(
    nero: Run, clip: Path, tiny_bundle: Path, tiny_inspector: Inspector
):
    result = run(nero, clip, tiny_bundle, "--json", "--every", 1, "--change", 1, "--least", 1)
    assert result.exit_code == 0, result.output
    *frames, whole = map(json.loads, result.stdout.splitlines())
    assert [list(frame) for frame in frames] == [KEYS] * 5
    expected = score_video(Video(clip), tiny_inspector, "nero", 0.8, Sampling(every=1.0, change=1.0), least=1)
    for frame, other in zip(frames, expected.frames, strict=True):
        assert (frame["time"], frame["frame"], frame["id"]) == (other.time, other.index, other.id)
        assert frame["score"] == pytest.approx(other.score) and frame["p_value"] == other.p_value
        assert frame["is_ood"] == (frame["score"] > frame["threshold"])
        inside = [n for n, run in enumerate(expected.stretches, 1) if run.start <= other.time <= run.end]
        assert frame["stretch"] == (inside[0] if inside else None)
    assert whole["sha256"] == expected.id and whole["unlike"] == expected.unlike
    assert whole["stretches"] == [
        {"start": run.start, "end": run.end, "frames": run.frames, "smallest_p": run.smallest_p}
        for run in expected.stretches
    ]
    assert whole["frames"] == {"decoded": 25, "sampled": 5, "scored": 5, "dark": 0, "blurred": 0, "damaged": 0}
    assert result.stderr == "Note: clip.avi: 25 frames, 5 looked at, 5 scored.\n"


def test_csv_has_the_same_columns(nero: Run, clip: Path, tiny_bundle: Path):
    result = run(nero, clip, tiny_bundle, "--csv", "--every", 1, "--change", 1)
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert list(rows[0]) == KEYS
    assert [row["time_stamp"] for row in rows] == ["00:00.00", "00:01.00", "00:02.00", "00:03.00", "00:04.00"]


def test_people_read_times_stretches_and_what_was_left_out(nero: Run, clip: Path, tiny_bundle: Path):
    result = run(nero, clip, tiny_bundle, "--every", 1, "--change", 1, "--tpr", 0.5, "--least", 1, "--gap", 9)
    assert result.exit_code == 0, result.output
    for words in ("00:03.00", "p-value", "threshold"):
        assert words in result.stdout
    assert ("Stretch 1: 00:0" in result.stdout) != ("No stretch stays unlike." in result.stdout)
    assert "clip.avi: 25 frames, 5 looked at, 5 scored." in result.stderr


def test_a_cut_is_looked_at_out_of_its_turn(nero: Run, clip: Path, tiny_bundle: Path):
    result = run(nero, clip, tiny_bundle, "--csv", "--every", 2, "--change", 0.05)
    times = [row["time_stamp"] for row in csv.DictReader(io.StringIO(result.stdout))]
    assert times == ["00:00.00", "00:02.00", "00:03.00", "00:04.00"]


def test_what_is_not_asked_for_is_as_the_engine_has_it():
    told = {name: given.default for name, given in inspect.signature(video).parameters.items()}
    assert Sampling(**{name: told[name] for name in ("every", "change", "dark", "blurred")}) == Sampling()
    assert (told["least"], told["gap"]) == (LEAST, GAP)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_figure_is_saved(nero: Run, clip: Path, tiny_bundle: Path, tmp_path: Path, suffix: str, start: bytes):
    out = tmp_path / f"timeline{suffix}"
    assert run(nero, clip, tiny_bundle, "--json", "--every", 2, "--figure", out).exit_code == 0
    assert out.read_bytes().startswith(start)


def test_a_truncated_file_gives_what_it_holds_and_says_so(nero: Run, tiny_bundle: Path, tmp_path: Path):
    path = write_clip(tmp_path / "clip.mkv", [drawn(seed=seed) for seed in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    result = run(nero, path, tiny_bundle, "--json")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) > 1
    assert "that its header announces: the file is truncated or damaged." in result.stderr


def test_input_that_can_be_mended_exits_with_two_and_no_traceback(
    nero: Run, clip: Path, tiny_bundle: Path, tmp_path: Path
):
    (tmp_path / "empty.mp4").write_bytes(b"")
    for result, says in (
        (run(nero, tmp_path / "empty.mp4", tiny_bundle), "found an empty file"),
        (run(nero, tmp_path / "gone.mp4", tiny_bundle), "no such file"),
        (run(nero, clip, tiny_bundle, "--json", "--csv"), "Choose one"),
        (run(nero, clip, tiny_bundle, "--figure", "out.gif"), "Expected a figure named .png, .svg or .pdf"),
        (run(nero, clip, tiny_bundle, "--every", 0), "Expected seconds between two frames"),
    ):
        assert result.exit_code == 2
        assert says in result.stderr and "Traceback" not in result.output


def test_a_black_video_exits_with_one(nero: Run, tiny_bundle: Path, tmp_path: Path):
    result = run(nero, write_clip(tmp_path / "clip.avi", [drawn() // 20] * 5), tiny_bundle, "--json")
    assert result.exit_code == 1
    assert "0 scored. Left out: 1 dark." in result.stderr
