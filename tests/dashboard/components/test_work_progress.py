"""Long work on the page: it goes on after a reload, can be stopped, and nobody loses it without a word."""

import threading
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.long_work import LongWork, Progress, Turns
from nero_core import BenchmarkResult, Explorer, Inspector, compare_banks
from nero_core.types import Faithfulness, ImageBatch
from tests.dashboard.app_pages.test_compare_methods import asked, no_traceback, until

Start = Callable[..., AppTest]
LONG = 60.0  # seconds


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


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Of the measurement of faithfulness, which is the real one."""
    held, measure = Gate(), Explorer.faithfulness

    def gated(self: Explorer, batch: ImageBatch, *, composite: str | None, on_progress: Progress) -> Faithfulness:
        held.begun += 1
        try:
            return measure(self, batch, composite=composite, on_progress=held.around(on_progress))
        finally:
            held.ended.release()

    monkeypatch.setattr(Explorer, "faithfulness", gated)
    yield held
    held.open()


def labels(running: AppTest) -> list[str]:
    return [button.label for button in running.button]


def bars(running: AppTest) -> list[str]:
    """What stands over each progress bar."""
    return [str(bar.proto.text).replace("\\", "") for bar in running.get("progress")]


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
    gate.open()
    assert gate.ended.acquire(timeout=LONG)  # at its next word
    assert not running.run().get("progress")
    running.toggle(key="faithfulness").set_value(True).run()
    until(running, lambda: curves(running))
    assert gate.begun == 2


def test_who_waits_for_what_another_stops_is_told_and_can_begin_it_again(app: Start, gate: Gate):
    one, other = (app(sample="polyps", view="heatmap", faithfulness="true") for _ in range(2))
    assert gate.is_reached.wait(LONG)
    one.button(key="stop_faithfulness").click().run()
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


def test_a_work_that_waits_for_its_turn_says_so_and_can_be_stopped(
    app: Start, gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    turns, go_on = Turns(1), threading.Event()
    monkeypatch.setattr("dashboard.long_work.TURNS", turns)
    LongWork("another", lambda on_progress: go_on.wait(LONG), turns)
    running = app(sample="polyps", view="heatmap", faithfulness="true")
    assert any(words.turn(0) in text for text in bars(running))
    running.button(key="stop_faithfulness").click().run()
    go_on.set()
    assert not running.toggle(key="faithfulness").value
    assert gate.begun == 0


def test_a_map_that_is_stopped_leaves_the_other_kind_of_map(app: Start, monkeypatch: pytest.MonkeyPatch):
    held, lay_out = Gate(), Explorer.relevance_map

    def gated(self: Explorer, kind: str, on_progress: Progress) -> object:
        if kind == "umap":
            held.around(on_progress)(1, 500)
        return lay_out(self, kind, on_progress)  # type: ignore[arg-type]

    monkeypatch.setattr(Explorer, "relevance_map", gated)
    running = app(look="image map", map="UMAP").switch_page("app_pages/neuron_explorer.py").run()
    assert held.is_reached.wait(LONG)
    running.run()
    no_traceback(running)
    assert any("epochs: 1 of 500" in text for text in bars(running))
    running.button(key="stop_map").click().run()
    held.open()
    assert running.segmented_control(key="map").value == "PCA"
    assert "nero_image_map" in [one.proto.component_name for one in running.get("bidi_component")]
    assert "map" not in running.query_params or asked(running, "map") == "PCA"


def test_a_comparison_that_is_stopped_says_so_and_begins_again(
    app: Start, monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult
):
    held, results = Gate(), iter(range(2))

    def gated(inspector: Inspector, *, on_progress: Callable[[str, int, int], None]) -> BenchmarkResult:
        if next(results) == 1:
            return comparison
        told = held.around(lambda done, total: on_progress("methods", done, total))
        return compare_banks(
            inspector, methods=["nero", "msp"], on_progress=lambda stage, done, total: told(done, total)
        )

    monkeypatch.setattr("dashboard.resources.long_works.compare_banks", gated)
    running = app().switch_page("app_pages/compare_methods.py").run()
    assert held.is_reached.wait(LONG)
    assert any("1 of 2" in text for text in bars(running.run()))
    running.button(key="stop_comparison").click().run()
    held.open()
    assert words.STOPPED in [info.value for info in running.info]
    running.button(key="again_comparison").click().run()
    until(running, lambda: running.dataframe)
