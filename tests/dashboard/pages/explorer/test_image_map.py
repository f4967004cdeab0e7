"""The map of reference images on its page: PCA at once, and no page waits in silence for another's UMAP."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.work.background_task import BackgroundTask, TaskQueue
from tests.dashboard.material import no_traceback, png, until
from tests.umap_at_work import umap_at_work

Start = Callable[..., AppTest]
LONG = 180.0  # seconds


def maps(running: AppTest) -> list[str]:
    """The maps on the page."""
    return [
        element.proto.component_name
        for element in running.get("bidi_component")
        if "nero_image_map" in element.proto.component_name
    ]


def told_busy(running: AppTest) -> list[str]:
    return [info.value for info in running.info if "another map that is being laid out" in info.value]


def test_pca_waits_in_no_queue(app: Start, monkeypatch: pytest.MonkeyPatch):
    task_queue, go_on = TaskQueue(1), threading.Event()
    monkeypatch.setattr("dashboard.work.background_task.TASK_QUEUE", task_queue)
    BackgroundTask("another", lambda on_progress: go_on.wait(LONG), task_queue)
    running = app("explorer", look="image map")
    no_traceback(running)
    assert maps(running)
    assert not running.get("progress")
    assert "Stop" not in [button.label for button in running.button]
    go_on.set()


def test_an_image_is_marked_later_where_another_map_is_being_laid_out(app: Start):
    running = app("explorer", look="image map", map="UMAP")
    until(running, lambda: maps(running))
    assert not any("Rings" in caption.value for caption in running.caption)  # no image is chosen
    with umap_at_work():
        other = app("explorer", look="image map", map="UMAP", sample="polyps")
        no_traceback(other)
        assert len(told_busy(other)) == 1
        assert maps(other)
    other.button(key="place_again").click().run()
    no_traceback(other)
    assert not told_busy(other)
    assert "place_again" not in [button.key for button in other.button]
    assert any("Rings" in caption.value for caption in other.caption)


def drawn(running: AppTest) -> dict[str, Any]:
    """What the browser is given to draw beside the reference images."""
    (element,) = [each for each in running.get("bidi_component") if "nero_image_map" in each.proto.component_name]
    extra: dict[str, Any] = json.loads(element.proto.json)["extra"]
    return extra


def test_the_ood_images_of_the_reference_set_are_on_the_map_until_somebody_takes_them_off(app: Start):
    running = app("explorer", look="image map")
    no_traceback(running)
    extra = drawn(running)
    assert len(extra["points"]) == extra["oods"] == 8
    assert extra["said"][0].startswith("polyps, OOD image ") or extra["said"][0].startswith("esophagitis, OOD image ")
    assert any("Crosses" in caption.value for caption in running.caption)
    running.toggle(key="map_ood").set_value(False).run()
    no_traceback(running)
    assert drawn(running)["points"] == []
    assert not any("Crosses" in caption.value for caption in running.caption)


def test_all_uploaded_images_are_on_the_map_at_once_and_the_one_at_hand_is_marked(app: Start):
    running = app()
    files = [(f"frame_{seed}.png", png(seed=seed), "image/png") for seed in range(3)]
    running.file_uploader(key="files").set_value(files).run()
    running.query_params["look"] = "image map"
    running.switch_page("pages/explorer/page.py").run()
    no_traceback(running)
    extra = drawn(running)
    assert extra["said"][extra["oods"] :] == ["frame_1.png, your image", "frame_2.png, your image"]
    assert all(picture.startswith("data:image/webp") for picture in extra["pictures"][extra["oods"] :])
    assert any("Rings" in caption.value for caption in running.caption)  # of the first, which is at hand
    running.toggle(key="map_own_images").set_value(False).run()
    assert len(drawn(running)["points"]) == drawn(running)["oods"]
