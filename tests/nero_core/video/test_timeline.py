"""Stretches by hand, and a video with a lesion in its middle."""

from pathlib import Path

import pytest
import torch

from nero_core.calibration import Bundle
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.types import FrameAccount, FrameScore, Stretch, time_stamp
from nero_core.video import Sampling, Video, find_stretches, score_video
from tests.nero_core.video.clips import drawn, write_clip

EVERY = Sampling(every=0.5, change=1.0, blurred=0.0)


def scores(p_values: list[float], missed: dict[int, int] | None = None) -> list[FrameScore]:
    return [
        FrameScore(0.5 * place, 5 * place, "", 1 - p, p, p <= 0.05, "like", 0, 1.0, (missed or {}).get(place, 0))
        for place, p in enumerate(p_values)
    ]


HIGH, LOW = 0.5, 0.01


@pytest.mark.parametrize(
    ("p_values", "arguments", "expected"),
    [
        ([], {}, []),
        ([HIGH] * 5, {}, []),
        ([LOW] * 3, {}, [(0, 1, 3)]),
        ([LOW, LOW, HIGH, HIGH], {}, []),  # too short
        ([HIGH, LOW, LOW, HIGH, LOW, HIGH], {}, [(0.5, 2, 3)]),  # a gap of one frame, and none at its end
        ([LOW, LOW, HIGH, HIGH, LOW, LOW], {}, []),  # a gap of two
        ([LOW, LOW, HIGH, HIGH, LOW, LOW], {"gap": 2}, [(0, 2.5, 4)]),
        ([LOW, LOW, HIGH, LOW], {"gap": 0, "least": 2}, [(0, 0.5, 2)]),
        ([LOW, HIGH, HIGH, LOW], {"least": 1}, [(0, 0, 1), (1.5, 1.5, 1)]),
        ([LOW] * 3 + [HIGH] * 2 + [LOW] * 4, {}, [(0, 1, 3), (2.5, 4, 4)]),
    ],
)
def test_stretches_are_runs_with_short_gaps(p_values: list[float], arguments: dict[str, int], expected: list):
    found = find_stretches(scores(p_values), 0.95, **arguments)
    assert [(stretch.start, stretch.end, stretch.frames) for stretch in found] == expected


def test_frames_that_were_left_out_count_as_a_gap():
    assert find_stretches(scores([LOW] * 3, {1: 1}), 0.95) == (Stretch(0.0, 1.0, 3, LOW),)
    assert find_stretches(scores([LOW] * 3, {1: 2}), 0.95) == ()
    assert find_stretches(scores([LOW, HIGH, LOW, LOW], {2: 1}), 0.95) == ()


def test_p_at_the_level_itself_is_unlike():
    level = 1 - 0.95  # a little above 0.05 in floating point
    assert find_stretches(scores([0.05] * 3), 0.95)[0].smallest_p == 0.05 <= level
    assert find_stretches(scores([1 - 0.9] * 3), 0.9) and find_stretches(scores([0.1] * 3), 0.9)


def test_numbers_that_make_no_sense_are_refused():
    for arguments in ({"least": 0}, {"gap": -1}):
        with pytest.raises(NeroError, match="Expected at least 1 frame in a stretch"):
            find_stretches((), 0.95, **arguments)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0, "00:00.00"), (12.4, "00:12.40"), (0.29, "00:00.29"), (59.999, "00:59.99"), (3723.4, "1:02:03.40")],
)
def test_time_stamps_are_as_a_player_shows_them(seconds: float, shown: str):
    assert time_stamp(seconds) == shown


def test_the_account_says_what_became_of_the_frames():
    account = FrameAccount(240, 20, 2, 1, 3, ("Ends early.",))
    assert str(account) == ("240 frames, 20 looked at, 17 scored. Left out: 2 dark, 1 blurred, 3 damaged. Ends early.")
    assert str(FrameAccount(10, 2)) == "10 frames, 2 looked at, 2 scored."


def test_a_lesion_in_the_middle_is_a_stretch(tmp_path: Path):
    """With the demo's classifier, a dyed lesion from 4 s to 8 s among healthy frames."""
    healthy, lesion = drawn("normal-cecum", 5, 224), drawn("dyed-lifted-polyps", 4, 224)
    path = write_clip(tmp_path / "clip.avi", [healthy] * 20 + [lesion] * 20 + [healthy] * 20, rate=5)
    inspector = Inspector.load(device="cpu")
    timeline = score_video(Video(path), inspector, sampling=Sampling(every=1.0, change=1.0), batch=5)
    (stretch,) = timeline.stretches
    assert (stretch.start, stretch.end, stretch.frames) == pytest.approx((4, 7, 4))
    assert stretch.smallest_p <= timeline.level
    assert timeline.detector == "verdict" and timeline.unlike == 4 and len(timeline.frames) == 12


def test_scores_are_the_inspectors_whatever_the_batch(tmp_path: Path, tiny_inspector: Inspector):
    path = write_clip(tmp_path / "clip.mkv", [drawn(seed=seed) for seed in range(20)], rate=5)
    video = Video(path)
    whole, single = (score_video(video, tiny_inspector, "nero", 0.8, EVERY, batch=size) for size in (64, 1))
    pictures = [frame.picture for frame in video.frames(EVERY)]
    detection = tiny_inspector.detect(tiny_inspector.decode(pictures), ("nero",), 0.8)["nero"]
    assert [frame.score for frame in whole.frames] == pytest.approx(detection.score.tolist(), rel=1e-9)
    assert [frame.score for frame in single.frames] == pytest.approx(detection.score.tolist(), rel=1e-4)
    assert [frame.id for frame in whole.frames] == [picture.id for picture in pictures]
    assert [frame.p_value for frame in whole.frames] == detection.p_value.tolist()
    assert [frame.is_ood for frame in whole.frames] == detection.is_ood.tolist()
    assert [frame.predicted for frame in whole.frames] == detection.predicted.tolist()
    assert whole.threshold == detection.threshold and whole.tpr == 0.8
    assert whole.account == video.account and whole.id == video.id and whole.name == "clip.mkv"


def test_a_video_that_is_all_black_has_an_empty_timeline(tmp_path: Path, loaded_tiny: Bundle):
    path = write_clip(tmp_path / "clip.avi", [drawn() // 20] * 10)
    timeline = score_video(Video(path), Inspector(loaded_tiny, torch.device("cpu")), "nero")
    assert timeline.frames == () and timeline.stretches == ()
    assert timeline.account.dark == timeline.account.sampled == 2


def test_an_error_comes_before_anything_is_decoded(tmp_path: Path, tiny_inspector: Inspector):
    video = Video(write_clip(tmp_path / "clip.avi", [drawn()] * 4))
    for arguments in ({"method": "nerro"}, {"method": "nero", "tpr": 0.9999}, {"method": "nero", "least": 0}):
        with pytest.raises(NeroError):
            score_video(video, tiny_inspector, **arguments)
        assert video.account == FrameAccount()
