"""A video on the page: read in the background, its timeline, and a click on a point."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard import resources, state, words
from nero_core.types import FrameAccount, FrameScore, Stretch, Timeline
from nero_core.video import Frame, Video
from tests.dashboard.material import html, no_traceback, png, until
from tests.nero_core.video.clips import drawn, write_clip

Start = Callable[..., AppTest]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds of one picture, then two of another."""
    pictures = [drawn()] * 10 + [drawn("polyps", 4)] * 10
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.avi", pictures, rate=5).read_bytes()


def upload(running: AppTest, *files: tuple[str, bytes]) -> AppTest:
    running.file_uploader(key="files").set_value([(name, data, "application/octet-stream") for name, data in files])
    return running.run()


def timelines(running: AppTest) -> list[dict]:
    """The charts of videos on the page."""
    return [
        chart
        for chart in (json.loads(element.proto.spec) for element in running.get("plotly_chart"))
        if "time in the video" in json.dumps(chart)
    ]


def choose(running: AppTest, time: float) -> AppTest:
    """As the callback of a click on the frame of this time does; the click itself is a browser's."""
    (video,) = [item for item in running.session_state["drawn_files"] if item.name.endswith(".avi")]
    running.session_state["frame_times"] = {video.key: time}
    running.session_state["file"] = resources.frame_key(video, time)
    return running.run()


def test_a_video_is_scored_in_the_background_and_shows_its_timeline(app: Start, clip: bytes):
    running = upload(app(), ("clip.avi", clip))
    no_traceback(running)
    until(running, lambda: timelines(running))
    (chart,) = timelines(running)
    points = [place for trace in chart["data"] for place in trace.get("customdata", [])]
    assert sorted(points) == list(range(8))
    said = " ".join(text.value for text in running.markdown).replace("\\", "")
    assert "of 8 frames are unlike the reference images" in said
    captions = " ".join(text.value for text in running.caption).replace("\\", "")
    assert "20 frames, 8 looked at, 8 scored." in captions
    assert "</h2>" not in html(running)  # no image is chosen yet


def test_a_chosen_frame_is_shown_like_any_image_and_stays_at_hand(app: Start, clip: bytes):
    running = upload(app(), ("frame.png", png()), ("clip.avi", clip))
    until(running, lambda: timelines(running))
    choose(running, 3.0)
    no_traceback(running)
    assert any(heading.value.replace("\\", "") == "clip.avi · 00:03.00" for heading in running.subheader)
    assert "</h2>" in html(running)
    picture = Video(clip, "clip.avi").frame_at(3.0)
    (frame,) = running.session_state["frames"]
    assert frame.id == picture.id
    assert np.array_equal(np.array(Image.open(io.BytesIO(frame.data))), picture.pixels)
    (chart,) = timelines(running)
    (ring,) = [trace for trace in chart["data"] if trace.get("name") == "shown below"]
    assert ring["x"] == [3.0]
    running.button(key="next_image").click().run()
    no_traceback(running)
    assert any(heading.value.replace("\\", "") == "frame.png" for heading in running.subheader)
    running.switch_page("pages/explorer/page.py").run()
    no_traceback(running)
    assert "clip.avi · 00:03.00" in running.selectbox(key="file").options


def test_a_video_that_is_taken_away_takes_its_frame_with_it(app: Start, clip: bytes):
    running = upload(app(), ("frame.png", png()), ("clip.avi", clip))
    until(running, lambda: timelines(running))
    choose(running, 3.0)
    upload(running, ("frame.png", png()))
    no_traceback(running)
    assert not timelines(running) and running.session_state["frames"] == []
    assert any(heading.value.replace("\\", "") == "frame.png" for heading in running.subheader)


def test_what_is_no_good_video_is_said_beside_the_uploader(app: Start, clip: bytes):
    running = upload(app(), ("bad.mp4", b"\0\0\0\x18ftypmp42" + bytes(100)), ("frame.png", png()))
    no_traceback(running)
    (error,) = running.error
    assert "bad.mp4: expected an MP4, MOV, AVI, MKV or WebM video" in error.value.replace("\\", "")
    assert not running.get("progress") and "</h2>" in html(running)


def test_a_video_that_was_stopped_can_begin_again(app: Start, clip: bytes, monkeypatch: pytest.MonkeyPatch):
    gate = threading.Event()
    read = Video.frames

    def slowly(video: Video, *arguments: object) -> Iterator[Frame]:
        gate.wait(60)
        return read(video, *arguments)

    monkeypatch.setattr(Video, "frames", slowly)
    running = upload(app(), ("clip.avi", clip))
    (button,) = [button for button in running.button if str(button.key).startswith("stop_video_")]
    button.click().run()
    gate.set()
    assert any("stopped before it was finished" in note.value for note in running.info)
    (again,) = [button for button in running.button if str(button.key).startswith("again_video_")]
    again.click().run()
    until(running, lambda: timelines(running))


def test_another_step_reads_it_anew(app: Start, clip: bytes):
    running = upload(app(), ("clip.avi", clip))
    until(running, lambda: timelines(running))
    (box,) = [box for box in running.selectbox if box.label == "Look at a frame every"]
    box.set_value(2.0).run()
    until(
        running, lambda: "20 frames, 2 looked at" in " ".join(text.value for text in running.caption).replace("\\", "")
    )


def test_a_click_tells_the_place_of_its_point(monkeypatch: pytest.MonkeyPatch):
    session: dict[str, object] = {}
    monkeypatch.setattr(state.images.st, "session_state", session)
    for points, place in (([], None), ([{"x": 1}], None), ([{"customdata": 7}], 7), ([{"customdata": [3]}], 3)):
        session["timeline v"] = SimpleNamespace(selection=SimpleNamespace(points=points))
        assert state.images.clicked_frame("v") == place


def frames(p_values: list[float]) -> tuple[FrameScore, ...]:
    return tuple(FrameScore(t / 2, t, "", 1 - p, p, p <= 0.05, "like", 0, 0.9) for t, p in enumerate(p_values))


@pytest.mark.parametrize(
    ("shown", "runs", "says"),
    [
        ([], (), "No frame was good enough"),
        ([0.5], (), "0 of 1 frame is unlike the reference images; of frames like them, about 5\u00a0% would be. None"),
        (
            [0.01] * 3,
            (Stretch(0.0, 1.0, 3, 0.01),),
            "A stretch stays unlike: 00:00.00 to 00:01.00 (3 frames, sm",
        ),
        ([0.01] * 3, (Stretch(0.0, 1.0, 3, 0.01),) * 2, "2 stretches stay unlike: 00:00.00"),
    ],
)
def test_the_sentence_counts_frames_and_names_stretches(shown: list[float], runs: tuple[Stretch, ...], says: str):
    timeline = Timeline("clip.mp4", "ab" * 32, "nero", 0.95, 1.0, frames(shown), runs, FrameAccount())
    assert says in words.stretches(timeline)
