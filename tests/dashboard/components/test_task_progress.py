"""A background task on the page: it goes on after a reload, can be stopped, and nobody loses it without a word."""

import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.components.task_progress import WHILE_HERE
from dashboard.work.background_task import BackgroundTask, Progress, TaskQueue
from nero_core import BenchmarkResult, Explorer, Inspector, compare_banks
from nero_core.types import Faithfulness, Observation
from tests.dashboard.material import asked, no_traceback, png, until

Start = Callable[..., AppTest]
LONG = 180.0  # seconds


class Gate:
    """Holds a computation up where it tells how far it is, until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.ended = 0, threading.Semaphore(0)
        self.is_reached, self._is_open = threading.Event(), threading.Event()

    def open(self) -> None:
        self._is_open.set()

    def around(self, on_progress: Progress) -> Progress:
        def told(done: int, total: int) -> None:
            on_progress(done, total)
            if done:
                self.is_reached.set()
                assert self._is_open.wait(LONG)

        return told


Measured = dict[object, tuple[Faithfulness, int]]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """What was measured of an image and a composite, and of how many passes: once for all tests."""
    return {}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, measured: Measured) -> Iterator[Gate]:
    """Of the measurement of faithfulness, which is the real one; of an image that was measured it tells two words."""
    gate, measure = Gate(), Explorer.faithfulness

    def gated(self: Explorer, batch: Observation, *, composite: str | None, on_progress: Progress) -> Faithfulness:
        gate.begun += 1
        told, passes, key = gate.around(on_progress), 0, (batch.ids, composite)

        def count(done: int, total: int) -> None:
            nonlocal passes
            passes = total
            told(done, total)

        try:
            if key not in measured:
                measured[key] = measure(self, batch, composite=composite, on_progress=count), passes
                return measured[key][0]
            actual, passes = measured[key]
            told(1, passes)
            told(passes, passes)
            return actual
        finally:
            gate.ended.release()

    monkeypatch.setattr(Explorer, "faithfulness", gated)
    yield gate
    gate.open()


def labels(running: AppTest) -> list[str]:
    return [button.label for button in running.button]


def bars(running: AppTest) -> list[str]:
    """What stands over each progress bar."""
    return [str(bar.proto.text).replace("\\", "") for bar in running.get("progress")]


def stopped(running: AppTest) -> bool:
    """Whether the page says that the measurement was stopped."""
    return any("It was stopped before it was finished" in caption.value for caption in running.caption)


def curves(running: AppTest) -> list[str]:
    return [text.value for text in running.markdown if "random orders" in text.value]


def test_a_measurement_goes_on_after_a_reload_and_the_page_finds_it_again(app: Start, gate: Gate):
    before = app(sample="polyps", view="heatmap", faithfulness="true")
    no_traceback(before)
    assert gate.is_reached.wait(LONG)
    assert "Stop" in labels(before)
    after = app(sample="polyps", view="heatmap", faithfulness="true")  # another session with the same address
    assert "Stop" in labels(after)
    assert any("when you leave or reload" in caption.value for caption in after.caption)
    gate.open()
    assert until(after, lambda: curves(after))
    assert gate.begun == 1
    assert "Stop" not in labels(after)


def test_a_stop_turns_the_measurement_off_at_once_and_it_can_be_begun_again(app: Start, gate: Gate):
    running = app(sample="polyps", view="heatmap", faithfulness="true")
    assert gate.is_reached.wait(LONG)
    running.button(key="stop_faithfulness").click().run()
    no_traceback(running)
    assert not running.toggle(key="faithfulness").value
    assert not {"Stop", "Begin again"} & set(labels(running))
    assert stopped(running)
    gate.open()
    assert gate.ended.acquire(timeout=LONG)  # at its next word
    assert not running.run().get("progress")
    running.toggle(key="faithfulness").set_value(True).run()
    until(running, lambda: curves(running))
    assert gate.begun == 2
    assert not stopped(running)
    running.toggle(key="faithfulness").set_value(False).run()
    assert not stopped(running)  # it was switched off, and not stopped


def test_of_an_uploaded_image_no_more_is_promised_than_is_kept(app: Start, gate: Gate):
    running = app(view="heatmap", faithfulness="true")
    running.file_uploader(key="files").set_value([("frame.png", png(), "image/png")]).run()
    assert gate.is_reached.wait(LONG)
    running.run()
    no_traceback(running)
    assert WHILE_HERE in [caption.value for caption in running.caption]
    assert not any("reload" in caption.value or "everybody" in caption.value for caption in running.caption)


def test_who_waits_for_what_another_stops_is_told_and_can_begin_it_again(app: Start, gate: Gate):
    first, other = (app(sample="polyps", view="heatmap", faithfulness="true") for _ in range(2))
    assert gate.is_reached.wait(LONG)
    first.button(key="stop_faithfulness").click().run()
    other.run()
    assert words.STOPPED in [info.value for info in other.info]
    other.run()
    assert words.STOPPED in [info.value for info in other.info]  # and not begun again unasked
    assert gate.begun == 1
    gate.open()
    other.button(key="again_faithfulness").click().run()
    until(other, lambda: curves(other))
    assert gate.begun == 2
    late = app(sample="polyps", view="heatmap", faithfulness="true")
    assert until(late, lambda: curves(late))
    assert gate.begun == 2


def test_whoever_comes_after_a_stop_begins_it_without_being_asked(app: Start, gate: Gate):
    first = app(sample="polyps", view="heatmap", faithfulness="true")
    assert gate.is_reached.wait(LONG)
    first.button(key="stop_faithfulness").click().run()
    gate.open()
    late = app(sample="polyps", view="heatmap", faithfulness="true")
    no_traceback(late)
    assert words.STOPPED not in [info.value for info in late.info]
    until(late, lambda: curves(late))


def test_a_task_that_waits_in_the_queue_says_so_and_can_be_stopped(
    app: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    task_queue, go_on = TaskQueue(1), threading.Event()
    monkeypatch.setattr("dashboard.work.background_task.TASK_QUEUE", task_queue)
    BackgroundTask("another", lambda on_progress: go_on.wait(LONG), task_queue)
    running = app(sample="polyps", view="heatmap", faithfulness="true")
    assert any(words.queued(0) in text for text in bars(running))
    running.button(key="stop_faithfulness").click().run()
    go_on.set()
    assert not running.toggle(key="faithfulness").value
    assert gate.begun == 0


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], threading.Event]]:
    """Makes the server take no further work, until the event that it answers with is set."""
    go_on = threading.Event()

    def fill() -> threading.Event:
        task_queue = TaskQueue(1, most_waiting=1)
        for what in ("one that runs", "one that waits"):
            BackgroundTask(what, lambda on_progress: go_on.wait(LONG), task_queue)
        monkeypatch.setattr("dashboard.work.background_task.TASK_QUEUE", task_queue)
        monkeypatch.setattr("dashboard.work.background_task.WATCHED_SECONDS", LONG)
        return go_on

    yield fill
    go_on.set()


def full_sentences(running: AppTest) -> list[str]:
    no_traceback(running)
    return [error.value for error in running.error if "computations that wait for their turn" in error.value]


def test_what_is_begun_again_while_too_many_wait_is_a_sentence_and_the_page_stays(
    app: Start, gate: Gate, full: Callable[[], threading.Event]
):
    first, other = (app(sample="polyps", view="heatmap", faithfulness="true") for _ in range(2))
    assert gate.is_reached.wait(LONG)
    first.button(key="stop_faithfulness").click().run()
    go_on = full()
    other.run().button(key="again_faithfulness").click().run()
    assert len(full_sentences(other)) == 1
    assert {"polyps", "true"} == {asked(other, "sample"), asked(other, "faithfulness")}
    assert other.toggle(key="faithfulness").value
    assert [radio.key for radio in first.run().segmented_control] == [radio.key for radio in other.segmented_control]
    gate.open()
    go_on.set()
    other.button(key="again_faithfulness").click().run()
    until(other, lambda: curves(other))


def test_what_is_asked_for_first_while_too_many_wait_is_a_sentence_with_a_way_on(
    app: Start, gate: Gate, full: Callable[[], threading.Event]
):
    go_on = full()
    running = app(sample="polyps", view="heatmap", faithfulness="true")
    assert len(full_sentences(running)) == 1
    assert "Begin again" in labels(running)
    go_on.set()
    gate.open()
    until(running, lambda: curves(running))


def test_a_task_that_the_server_drops_is_told_as_that(app: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch):
    task_queue, go_on = TaskQueue(1, most_waiting=1), threading.Event()
    monkeypatch.setattr("dashboard.work.background_task.TASK_QUEUE", task_queue)
    BackgroundTask("another", lambda on_progress: go_on.wait(LONG), task_queue)
    running = app(sample="polyps", view="heatmap", faithfulness="true")
    monkeypatch.setattr("dashboard.work.background_task.WATCHED_SECONDS", 0.0)  # as if the page had been left
    BackgroundTask("one more", lambda on_progress: None, task_queue)
    running.run()
    assert [info.value for info in running.info if "stopped" in info.value or "queue" in info.value] == [
        words.FORGOTTEN
    ]
    go_on.set()
    gate.open()
    running.button(key="again_faithfulness").click().run()
    until(running, lambda: curves(running))


def test_a_map_that_is_stopped_leaves_the_other_kind_of_map(app: Start, monkeypatch: pytest.MonkeyPatch):
    gate, lay_out = Gate(), Explorer.relevance_map

    def gated(self: Explorer, kind: str, on_progress: Progress | None = None) -> object:
        if on_progress is not None:
            gate.around(on_progress)(1, 500)
        return lay_out(self, kind, on_progress)  # type: ignore[arg-type]

    monkeypatch.setattr(Explorer, "relevance_map", gated)
    running = app("explorer", look="image map", map="UMAP")
    assert gate.is_reached.wait(LONG)
    running.run()
    no_traceback(running)
    assert any("epochs: 1 of 500" in text for text in bars(running))
    running.button(key="stop_map").click().run()
    gate.open()
    assert running.segmented_control(key="map").value == "PCA"
    assert "nero_image_map" in [element.proto.component_name for element in running.get("bidi_component")]
    assert "map" not in running.query_params or asked(running, "map") == "PCA"


def test_what_comes_before_and_after_the_epochs_is_told(app: Start, monkeypatch: pytest.MonkeyPatch):
    lay_out, go_on = Explorer.relevance_map, threading.Semaphore(0)
    reached: queue.Queue[int] = queue.Queue()

    def slowly(self: Explorer, kind: str, on_progress: Progress | None = None) -> object:
        for done, total in ((0, 0), (7, 500), (500, 500)) if on_progress else ():
            on_progress(done, total)  # type: ignore[misc]  # there is one
            reached.put(done)
            assert go_on.acquire(timeout=LONG)
        return lay_out(self, "pca")

    monkeypatch.setattr(Explorer, "relevance_map", slowly)
    monkeypatch.setattr(Explorer, "place", lambda *_, **__: None)
    monkeypatch.setattr(Explorer, "ood_on_map", lambda *_, **__: None)  # else UMAP is compiled and run after all
    monkeypatch.setattr(Explorer, "has_map", lambda *_: True)  # what is laid out here; else it is laid out once more
    running = app("explorer", look="image map", map="UMAP")
    for done, expected in ((0, "UMAP: compiling it, once"), (7, "epochs: 7 of 500"), (500, "compiling what places")):
        assert reached.get(timeout=LONG) == done
        no_traceback(running.run())
        assert [expected in text for text in bars(running)] == [True]
        go_on.release()
    until(running, lambda: not bars(running))  # else the real one would be laid out once this test is over
    assert reached.empty() and not running.error
    assert "nero_image_map" in [element.proto.component_name for element in running.get("bidi_component")]


def test_a_comparison_that_is_stopped_says_so_and_begins_again(
    app: Start, monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult
):
    gate, results = Gate(), iter(range(2))

    def gated(inspector: Inspector, *, on_progress: Callable[[str, int, int], None]) -> BenchmarkResult:
        if next(results) == 1:
            return comparison
        told = gate.around(lambda done, total: on_progress("methods", done, total))
        return compare_banks(
            inspector, methods=["nero", "msp"], on_progress=lambda stage, done, total: told(done, total)
        )

    monkeypatch.setattr("dashboard.resources.background_tasks.compare_banks", gated)
    running = app("compare")
    assert not gate.is_reached.is_set()  # nothing begins unasked
    running.button(key="compare_now").click().run()
    assert gate.is_reached.wait(LONG)
    assert any("1 of 2" in text for text in bars(running.run()))
    running.button(key="stop_comparison").click().run()
    gate.open()
    assert words.STOPPED in [info.value for info in running.info]
    assert app("compare").button(key="compare_now")  # who comes after the stop is asked first
    running.button(key="again_comparison").click().run()
    until(running, lambda: running.dataframe)
