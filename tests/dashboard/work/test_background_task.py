"""Background tasks: they go on by themselves, can be stopped, wait in a queue, and fail in a sentence."""

import gc
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dashboard.work.background_task import BackgroundTask, Progress, StoppedError, TaskQueue
from nero_core.errors import NeroError, RelevanceError

LONG = 180.0  # seconds: more than any of these takes


class Steps:
    """A computation of some steps, each of which the test lets pass."""

    def __init__(self, steps: int = 3) -> None:
        self.steps, self.passed, self.has_ended = steps, 0, threading.Event()
        self._gate, self.has_begun = threading.Semaphore(0), threading.Event()

    def __call__(self, on_progress: Progress) -> str:
        self.has_begun.set()
        try:
            for step in range(self.steps):
                assert self._gate.acquire(timeout=LONG)
                self.passed = step + 1
                on_progress(step + 1, self.steps)
        finally:
            self.has_ended.set()
        return "found"

    def let_pass(self, steps: int = 1) -> None:
        self._gate.release(steps)


@pytest.fixture
def steps() -> Iterator[Callable[[], Steps]]:
    made: list[Steps] = []

    def new_steps() -> Steps:
        made.append(Steps())
        return made[-1]

    yield new_steps
    for each in made:  # whatever a test left waiting ends
        each.let_pass(each.steps)


def test_it_goes_on_by_itself_tells_how_far_it_is_and_gives_all_the_same():
    told: list[tuple[int, int]] = []
    reached, go_on = threading.Event(), threading.Event()

    def compute(on_progress: Progress) -> list[str]:
        on_progress(1, 2)
        reached.set()
        assert go_on.wait(LONG)
        on_progress(2, 2)
        return ["found"]

    task = BackgroundTask("a finding", compute)
    assert reached.wait(LONG)
    told.append((task.done, task.total))
    assert task.state == "running"
    assert not task.wait(0)
    go_on.set()
    assert task.wait(LONG)
    assert told == [(1, 2)]
    assert (task.state, task.done, task.ahead) == ("finished", 2, 0)
    assert task.result() is task.result()


def test_nothing_can_be_a_result():
    task: BackgroundTask[None] = BackgroundTask("nothing", lambda on_progress: None)
    assert task.wait(LONG)
    assert task.result() is None


def test_a_stop_ends_it_at_once_and_the_computation_at_its_next_word(steps: Callable[[], Steps]):
    computation = steps()
    task = BackgroundTask("a finding", computation)
    assert computation.has_begun.wait(LONG)
    task.stop()
    assert task.wait(0)
    assert not computation.has_ended.is_set()
    computation.let_pass(3)
    assert computation.has_ended.wait(LONG)
    assert computation.passed == 1
    assert task.state == "stopped"
    with pytest.raises(NeroError, match=r"Expected a finding\. Found it stopped\. Begin again\."):
        task.result()


def test_a_stop_after_the_end_takes_nothing_back():
    task = BackgroundTask("a finding", lambda on_progress: "found")
    assert task.wait(LONG)
    task.stop()
    assert (task.state, task.result()) == ("finished", "found")


def test_what_is_found_after_a_stop_is_dropped():
    has_begun, go_on, has_ended = (threading.Event() for _ in range(3))

    def compute(on_progress: Progress) -> str:
        has_begun.set()
        assert go_on.wait(LONG)
        has_ended.set()
        return "too late"

    task_queue = TaskQueue(1)
    task = BackgroundTask("a finding", compute, task_queue)
    assert has_begun.wait(LONG)  # one that is stopped before that never computes
    task.stop()
    go_on.set()
    assert has_ended.wait(LONG)
    after = BackgroundTask(
        "another", lambda on_progress: "found", task_queue
    )  # it begins when the first thread has ended
    assert after.wait(LONG)
    assert task.state == "stopped"


@pytest.mark.parametrize(
    ("error", "text"), [(RelevanceError("Expected more."), "Expected more."), (ValueError("?"), "written to its log")]
)
def test_what_fails_is_a_sentence(error: Exception, text: str, caplog: pytest.LogCaptureFixture):
    def compute(on_progress: Progress) -> str:
        raise error

    task = BackgroundTask("a finding", compute)
    assert task.wait(LONG)
    assert task.state == "failed"
    with pytest.raises(NeroError, match=text):
        task.result()
    assert task.is_unforeseen == isinstance(error, ValueError)
    assert ("unforeseen in a finding" in caplog.text) == task.is_unforeseen


def test_a_stop_is_no_error_that_a_part_may_fail_with():
    assert not issubclass(StoppedError, NeroError)


def test_only_so_many_run_at_once_and_the_next_begins_when_one_ends(steps: Callable[[], Steps]):
    task_queue, computations = TaskQueue(2), [steps() for _ in range(4)]
    tasks = [BackgroundTask(f"work {place}", computation, task_queue) for place, computation in enumerate(computations)]
    assert [task.state for task in tasks] == ["running", "running", "waiting", "waiting"]
    assert [task.ahead for task in tasks] == [0, 0, 0, 1]
    computations[1].let_pass(3)
    assert computations[2].has_begun.wait(LONG)
    assert tasks[3].state == "waiting"
    computations[0].let_pass(3)
    assert computations[3].has_begun.wait(LONG)


def test_a_task_that_is_stopped_while_it_waits_never_begins(steps: Callable[[], Steps]):
    task_queue, (first, second, third) = TaskQueue(1), (steps(), steps(), steps())
    BackgroundTask("first", first, task_queue)
    waiting, last = BackgroundTask("second", second, task_queue), BackgroundTask("third", third, task_queue)
    waiting.stop()
    assert last.ahead == 0
    first.let_pass(3)
    third.let_pass(3)
    assert last.wait(LONG)
    assert not second.has_begun.is_set()


def test_those_that_somebody_waits_for_go_first(steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch):
    task_queue, (first, forgotten, awaited) = TaskQueue(1), (steps(), steps(), steps())
    BackgroundTask("first", first, task_queue)
    earlier, later = BackgroundTask("forgotten", forgotten, task_queue), BackgroundTask("awaited", awaited, task_queue)
    monkeypatch.setattr(BackgroundTask, "is_watched", property(lambda task: task is later))
    assert (earlier.ahead, later.ahead) == (1, 0)
    first.let_pass(3)
    assert awaited.has_begun.wait(LONG)
    assert earlier.state == "waiting"


def test_waiting_for_a_task_is_what_watches_it(steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch):
    task = BackgroundTask("a finding", steps(), TaskQueue(1))
    assert task.is_watched
    monkeypatch.setattr("dashboard.work.background_task.WATCHED_SECONDS", 0.0)
    assert not task.is_watched
    monkeypatch.setattr("dashboard.work.background_task.WATCHED_SECONDS", LONG)
    assert not task.wait(0)
    assert task.is_watched


def test_when_too_many_wait_a_forgotten_one_goes_and_else_the_new_one_is_refused(
    steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch
):
    task_queue = TaskQueue(1, most_waiting=2)
    tasks = [BackgroundTask(f"work {place}", steps(), task_queue) for place in range(3)]
    with pytest.raises(NeroError, match=r"Expected fewer than 2 computations .* Found 2\. Try again"):
        BackgroundTask("one too many", steps(), task_queue)
    monkeypatch.setattr(BackgroundTask, "is_watched", property(lambda task: task is not tasks[2]))
    another = BackgroundTask("another", steps(), task_queue)
    assert [task.state for task in (*tasks, another)] == ["running", "waiting", "stopped", "waiting"]
    assert [task.is_forgotten for task in (*tasks, another)] == [False, False, True, False]
    with pytest.raises(NeroError, match=r"Found it dropped: nobody waited for it, .*\. Begin again\."):
        tasks[2].result()


class Image:
    """What a computation holds, and a test looks after."""


def test_a_task_that_is_stopped_while_it_waits_releases_what_it_was_to_compute_with(steps: Callable[[], Steps]):
    task_queue, image = TaskQueue(1), Image()
    BackgroundTask("first", steps(), task_queue)
    reference = weakref.ref(image)
    task = BackgroundTask("second", partial(lambda image, on_progress: image, image), task_queue)
    del image
    task.stop()
    gc.collect()
    assert reference() is None
    assert task.state == "stopped"


def test_a_failure_keeps_nothing_of_the_computation():
    references: list[weakref.ref[Image]] = []

    def compute(on_progress: Progress) -> None:
        image = Image()
        references.append(weakref.ref(image))
        try:
            raise ValueError(image)
        except ValueError as error:
            raise RelevanceError("Expected more.") from error

    task_queue = TaskQueue(1)
    task = BackgroundTask("a finding", compute, task_queue)
    assert task.wait(LONG)
    assert BackgroundTask("after", lambda on_progress: "found", task_queue).wait(LONG)  # its thread has ended
    gc.collect()
    assert task.state == "failed"
    assert [reference() for reference in references] == [None]


def test_who_asks_for_a_failed_result_gets_an_error_of_its_own():
    def compute(on_progress: Progress) -> None:
        raise RelevanceError("Expected more.")

    task = BackgroundTask("a finding", compute)
    assert task.wait(LONG)
    told = []
    for _ in range(4):
        with pytest.raises(RelevanceError, match=r"Expected more\.") as caught:
            task.result()
        told.append(caught.value)
    assert len({id(error) for error in told}) == 4
    assert len({len(list(traceback.walk_tb(error.__traceback__))) for error in told}) == 1


def test_what_may_not_run_beside_another_lets_others_by(steps: Callable[[], Steps]):
    task_queue, (stopped, successor, other) = TaskQueue(2), (steps(), steps(), steps())
    first = BackgroundTask("map", stopped, task_queue, alone="map")
    first.stop()  # its thread goes on until it tells how far it is
    again = BackgroundTask("map", successor, task_queue, alone="map")
    third = BackgroundTask("other", other, task_queue)
    assert (again.state, again.is_held_up, third.state, third.is_held_up) == ("waiting", True, "running", False)
    stopped.let_pass()
    assert successor.has_begun.wait(LONG)
    assert (again.state, again.is_held_up) == ("running", False)
