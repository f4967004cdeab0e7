"""Work beside the pages: it goes on by itself, can be stopped, takes its turn, and fails in a sentence."""

import gc
import threading
import traceback
import weakref
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dashboard.work.long_work import LongWork, Progress, StoppedError, Turns
from nero_core.errors import NeroError, RelevanceError

LONG = 60.0  # seconds: more than any of these takes


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

    def one() -> Steps:
        made.append(Steps())
        return made[-1]

    yield one
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

    work = LongWork("a finding", compute)
    assert reached.wait(LONG)
    told.append((work.done, work.total))
    assert work.state == "running"
    assert not work.wait(0)
    go_on.set()
    assert work.wait(LONG)
    assert told == [(1, 2)]
    assert (work.state, work.done, work.ahead) == ("finished", 2, 0)
    assert work.result() is work.result()


def test_nothing_can_be_a_result():
    work: LongWork[None] = LongWork("nothing", lambda on_progress: None)
    assert work.wait(LONG)
    assert work.result() is None


def test_a_stop_ends_it_at_once_and_the_computation_at_its_next_word(steps: Callable[[], Steps]):
    computation = steps()
    work = LongWork("a finding", computation)
    assert computation.has_begun.wait(LONG)
    work.stop()
    assert work.wait(0)
    assert not computation.has_ended.is_set()
    computation.let_pass(3)
    assert computation.has_ended.wait(LONG)
    assert computation.passed == 1
    assert work.state == "stopped"
    with pytest.raises(NeroError, match=r"Expected a finding\. Found it stopped\. Begin again\."):
        work.result()


def test_a_stop_after_the_end_takes_nothing_back():
    work = LongWork("a finding", lambda on_progress: "found")
    assert work.wait(LONG)
    work.stop()
    assert (work.state, work.result()) == ("finished", "found")


def test_what_is_found_after_a_stop_is_dropped():
    go_on, has_ended = threading.Event(), threading.Event()

    def compute(on_progress: Progress) -> str:
        assert go_on.wait(LONG)
        has_ended.set()
        return "too late"

    turns = Turns(1)
    work = LongWork("a finding", compute, turns)
    work.stop()
    go_on.set()
    assert has_ended.wait(LONG)
    after = LongWork("another", lambda on_progress: "found", turns)  # its turn comes when the first thread has ended
    assert after.wait(LONG)
    assert work.state == "stopped"


@pytest.mark.parametrize(
    ("error", "said"), [(RelevanceError("Expected more."), "Expected more."), (ValueError("?"), "written to its log")]
)
def test_what_fails_is_a_sentence(error: Exception, said: str, caplog: pytest.LogCaptureFixture):
    def compute(on_progress: Progress) -> str:
        raise error

    work = LongWork("a finding", compute)
    assert work.wait(LONG)
    assert work.state == "failed"
    with pytest.raises(NeroError, match=said):
        work.result()
    assert work.is_unforeseen == isinstance(error, ValueError)
    assert ("unforeseen in a finding" in caplog.text) == work.is_unforeseen


def test_a_stop_is_no_error_that_a_part_may_fail_with():
    assert not issubclass(StoppedError, NeroError)


def test_only_so_many_run_at_once_and_the_next_begins_when_one_ends(steps: Callable[[], Steps]):
    turns, computations = Turns(2), [steps() for _ in range(4)]
    works = [LongWork(f"work {place}", one, turns) for place, one in enumerate(computations)]
    assert [work.state for work in works] == ["running", "running", "waiting", "waiting"]
    assert [work.ahead for work in works] == [0, 0, 0, 1]
    computations[1].let_pass(3)
    assert computations[2].has_begun.wait(LONG)
    assert works[3].state == "waiting"
    computations[0].let_pass(3)
    assert computations[3].has_begun.wait(LONG)


def test_a_work_that_is_stopped_while_it_waits_never_begins(steps: Callable[[], Steps]):
    turns, (first, second, third) = Turns(1), (steps(), steps(), steps())
    LongWork("first", first, turns)
    waiting, last = LongWork("second", second, turns), LongWork("third", third, turns)
    waiting.stop()
    assert last.ahead == 0
    first.let_pass(3)
    third.let_pass(3)
    assert last.wait(LONG)
    assert not second.has_begun.is_set()


def test_those_that_somebody_waits_for_go_first(steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch):
    turns, (first, forgotten, awaited) = Turns(1), (steps(), steps(), steps())
    LongWork("first", first, turns)
    earlier, later = LongWork("forgotten", forgotten, turns), LongWork("awaited", awaited, turns)
    monkeypatch.setattr(LongWork, "is_watched", property(lambda work: work is later))
    assert (earlier.ahead, later.ahead) == (1, 0)
    first.let_pass(3)
    assert awaited.has_begun.wait(LONG)
    assert earlier.state == "waiting"


def test_waiting_for_a_work_is_what_watches_it(steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch):
    work = LongWork("a finding", steps(), Turns(1))
    assert work.is_watched
    monkeypatch.setattr("dashboard.work.long_work.WATCHED_SECONDS", 0.0)
    assert not work.is_watched
    monkeypatch.setattr("dashboard.work.long_work.WATCHED_SECONDS", LONG)
    assert not work.wait(0)
    assert work.is_watched


def test_when_too_many_wait_a_forgotten_one_goes_and_else_the_new_one_is_refused(
    steps: Callable[[], Steps], monkeypatch: pytest.MonkeyPatch
):
    turns = Turns(1, most_waiting=2)
    works = [LongWork(f"work {place}", steps(), turns) for place in range(3)]
    with pytest.raises(NeroError, match=r"Expected fewer than 2 computations .* Found 2\. Try again"):
        LongWork("one too many", steps(), turns)
    monkeypatch.setattr(LongWork, "is_watched", property(lambda work: work is not works[2]))
    another = LongWork("another", steps(), turns)
    assert [work.state for work in (*works, another)] == ["running", "waiting", "stopped", "waiting"]
    assert [work.is_forgotten for work in (*works, another)] == [False, False, True, False]
    with pytest.raises(NeroError, match=r"Found it dropped: nobody waited for it .*\. Begin again\."):
        works[2].result()


class Image:
    """What a computation holds, and a test looks after."""


def test_a_work_that_is_stopped_while_it_waits_lets_go_of_what_it_was_to_compute_with(steps: Callable[[], Steps]):
    turns, image = Turns(1), Image()
    LongWork("first", steps(), turns)
    kept = weakref.ref(image)
    work = LongWork("second", partial(lambda image, on_progress: image, image), turns)
    del image
    work.stop()
    gc.collect()
    assert kept() is None
    assert work.state == "stopped"


def test_a_failure_keeps_nothing_of_the_computation():
    kept: list[weakref.ref[Image]] = []

    def compute(on_progress: Progress) -> None:
        image = Image()
        kept.append(weakref.ref(image))
        try:
            raise ValueError(image)
        except ValueError as error:
            raise RelevanceError("Expected more.") from error

    turns = Turns(1)
    work = LongWork("a finding", compute, turns)
    assert work.wait(LONG)
    assert LongWork("after", lambda on_progress: "found", turns).wait(LONG)  # its thread has ended
    gc.collect()
    assert work.state == "failed"
    assert [one() for one in kept] == [None]


def test_who_asks_for_a_failed_result_gets_an_error_of_its_own():
    def compute(on_progress: Progress) -> None:
        raise RelevanceError("Expected more.")

    work = LongWork("a finding", compute)
    assert work.wait(LONG)
    told = []
    for _ in range(4):
        with pytest.raises(RelevanceError, match=r"Expected more\.") as caught:
            work.result()
        told.append(caught.value)
    assert len({id(error) for error in told}) == 4
    assert len({len(list(traceback.walk_tb(error.__traceback__))) for error in told}) == 1


def test_what_may_not_run_beside_another_waits_without_a_turn(steps: Callable[[], Steps]):
    turns, (stopped, successor, other) = Turns(2), (steps(), steps(), steps())
    first = LongWork("map", stopped, turns, alone="map")
    first.stop()  # its thread goes on until it tells how far it is
    again = LongWork("map", successor, turns, alone="map")
    third = LongWork("other", other, turns)
    assert (again.state, again.is_held_up, third.state, third.is_held_up) == ("waiting", True, "running", False)
    stopped.let_pass()
    assert successor.has_begun.wait(LONG)
    assert (again.state, again.is_held_up) == ("running", False)
