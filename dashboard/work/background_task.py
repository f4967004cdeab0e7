"""Background tasks: threads of the server, beside the pages. Knows no Streamlit.

A page is run again at every click and every reload, which would end a computation of half a minute. This one
belongs to no page: whoever asks first begins it, whoever asks later sees how far it is, and it is kept for all of them.
A stop ends it for all of them too, since two who look at the same picture cannot be told apart from one with two
windows; ``components.task_progress`` tells the others and lets them begin it again.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Generic, Literal, TypeVar

from dashboard.operations.logs import current_event, event
from nero_core.errors import NeroError

AT_ONCE = 2  # tasks that run: each uses all cores of a small server
MOST_WAITING = 16  # in the queue; each holds an image
WATCHED_SECONDS = 5.0  # since a page last asked: pages ask every half second, and a busy one is late
THREADS = "background task"  # what their names begin with
Progress = Callable[[int, int], None]
State = Literal["waiting", "running", "finished", "failed", "stopped"]
Result = TypeVar("Result")
_log = logging.getLogger(__name__)
_numbers = itertools.count(1)


class StoppedError(Exception):
    """Raised out of ``on_progress`` to end a computation that somebody stopped.

    No ``NeroError``: nothing is wrong with any input, and nothing that makes do without a part that fails may take it
    for such a failure. What computes lets it through.
    """


class BackgroundTask(Generic[Result]):
    """One computation. It begins when this is made, or when the queue reaches it.

    Args:
        what: it finds, for sentences: ``a map of the reference images``.
        compute: finds it, and tells ``on_progress`` how far it is; the call ends it, once somebody has stopped it.
        task_queue: how many run at once; the server's own where None.
        alone: of those with the same, one runs at a time and the others take no place until it has ended: two would
            only wait for one another. None: beside any other.

    Attributes:
        number: of this task, unlike that of any other.
        done: parts that are done.
        total: parts in all; 0 where that is not known.
        is_unforeseen: failed by no error of ours, so that another try may succeed.
        is_forgotten: ended by the server itself while it waited, since no page looked and too many others waited.

    Raises:
        NeroError: too many tasks wait on this server.
    """

    def __init__(
        self,
        what: str,
        compute: Callable[[Progress], Result],
        task_queue: "TaskQueue | None" = None,
        alone: Hashable | None = None,
    ) -> None:
        self.what, self.number, self.alone = what, next(_numbers), alone
        self.done, self.total = 0, 0
        self.is_unforeseen = self.is_forgotten = False
        self._compute: Callable[[Progress], Result] | None = compute
        self._result: Result | None = None
        self._failed: Callable[[], NeroError] | None = None  # no error: its traceback would hold what was computed
        self._state: State = "waiting"
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._since = self._seen = time.monotonic()
        self._event = current_event()  # of who asked first
        self._task_queue = task_queue or TASK_QUEUE
        self._task_queue.ask(self)

    @property
    def state(self) -> State:
        """How it stands."""
        return self._state

    @property
    def seconds(self) -> float:
        """Since it began, or, while it waits, since it was asked for."""
        return time.monotonic() - self._since

    @property
    def is_watched(self) -> bool:
        """Whether some page has waited for it just now."""
        return time.monotonic() - self._seen < WATCHED_SECONDS

    @property
    def ahead(self) -> int:
        """How many tasks begin before this one; 0 when it has begun."""
        return self._task_queue.ahead(self)

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for one that may not run beside it, and not only in the queue."""
        return self._task_queue.holds_up(self)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, but not longer than this; whether it is over."""
        self._seen = time.monotonic()
        return self._over.wait(seconds)

    def stop(self) -> None:
        """Give it up for everybody. It is over at once.

        Where it computes, that ends when it tells how far it is the next time; what it still finds is dropped.
        """
        self._end("stopped")
        self._task_queue.leave(self)

    def result(self) -> Result:
        """What was found, once it is over.

        Raises:
            NeroError: the computation's own, or something unforeseen, which the log holds; or it was stopped.
        """
        if self._state == "finished":
            return self._result  # type: ignore[return-value]  # None is a result where Result holds it
        if self._failed is not None:
            raise self._failed()
        actual = f"an error, which the server has written to its log as event {self._event.number}"
        if self._state == "stopped":
            actual = (
                "it dropped: nobody waited for it, and many others were waiting" if self.is_forgotten else "it stopped"
            )
        raise NeroError(f"Expected {self.what}. Found {actual}. Begin again.")

    def begin(self) -> None:
        """The queue has reached it; for ``TaskQueue``."""
        with self._lock:
            if self._state == "waiting":
                self._state, self._since = "running", time.monotonic()
        threading.Thread(target=self._run, name=f"{THREADS}: {self.what}", daemon=True).start()

    def _run(self) -> None:
        with event(resumed=self._event) as self._event:
            self._compute_and_tell()

    def _compute_and_tell(self) -> None:
        compute = self._compute
        try:
            self._tell(0, 0)
            assert compute is not None  # a stop takes it away, and then nothing may be told
            self._end("finished", compute(self._tell))
        except StoppedError:
            pass
        except NeroError as error:
            self._failed = partial(type(error), *error.args)
            self._end("failed")
        except Exception:
            self.is_unforeseen = True
            _log.exception("unforeseen in %s", self.what)
            self._end("failed")
        finally:
            self._task_queue.release(self)

    def _tell(self, done: int, total: int) -> None:
        if self._state == "stopped":
            raise StoppedError
        self.done, self.total = done, total

    def _end(self, state: State, result: Result | None = None) -> None:
        with self._lock:
            if not self._over.is_set():
                self._state, self._result = state, result
                self._compute = None  # which holds images and models
                self._over.set()


class TaskQueue:
    """Lets a few tasks run at once; the others wait. Those that somebody waits for go first, in the order of asking.

    A stopped task keeps its place until its thread has ended, since it computes so long. What may not run beside it
    waits, and lets others by.

    Args:
        at_once: how many run.
        most_waiting: how many may wait. Beyond, the first that nobody waits for is stopped.
    """

    def __init__(self, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING) -> None:
        self._at_once, self._most_waiting = at_once, most_waiting
        self._running: list[BackgroundTask[Any]] = []
        self._waiting: list[BackgroundTask[Any]] = []
        self._lock = threading.RLock()

    def ask(self, task: BackgroundTask[Any]) -> None:
        """Begin it now or later.

        Raises:
            NeroError: too many wait, and somebody waits for each of them.
        """
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                forgotten = next((waiting for waiting in self._waiting if not waiting.is_watched), None)
                if forgotten is None:
                    raise NeroError(
                        f"Expected fewer than {self._most_waiting} computations that wait for their turn on this "
                        f"server. Found {len(self._waiting)}. Try again in some minutes."
                    )
                forgotten.is_forgotten = True
                forgotten.stop()
            self._waiting.append(task)
            self._begin()

    def leave(self, task: BackgroundTask[Any]) -> None:
        """It waits no more."""
        with self._lock:
            if task in self._waiting:
                self._waiting.remove(task)

    def release(self, task: BackgroundTask[Any]) -> None:
        """Its thread has ended."""
        with self._lock:
            self._running.remove(task)
            self._begin()

    def ahead(self, task: BackgroundTask[Any]) -> int:
        """How many begin before this one."""
        with self._lock:
            order = self._order()
            return order.index(task) if task in order else 0

    def holds_up(self, task: BackgroundTask[Any]) -> bool:
        """Whether one runs that it may not run beside."""
        with self._lock:
            return task.alone is not None and any(
                running.alone == task.alone for running in self._running if running is not task
            )

    def _order(self) -> list[BackgroundTask[Any]]:
        return sorted(self._waiting, key=lambda task: (not task.is_watched, task.number))

    def _begin(self) -> None:
        while len(self._running) < self._at_once:
            task = next((waiting for waiting in self._order() if not self.holds_up(waiting)), None)
            if task is None:
                return
            self._waiting.remove(task)
            self._running.append(task)
            task.begin()


TASK_QUEUE = TaskQueue()
