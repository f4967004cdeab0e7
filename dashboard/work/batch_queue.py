"""What several sessions ask of a device at once, answered in one batch. Knows no Streamlit, and nothing of images.

A thread owns each device. It takes what waits longest, waits some milliseconds for more that can go with it, and gives
each caller its own result or its own error.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

THREADS = "batches"  # what their names begin with
Device = TypeVar("Device")
Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class _Asked(Generic[Key, Item, Result]):
    key: Key
    item: Item
    answer: Future[Result] = field(default_factory=Future)


class BatchQueue(Generic[Device, Key, Item, Result]):
    """A bounded queue before one or several devices.

    Args:
        compute: the results of items of one key, in their order, on a device. A batch that fails is computed again item
            by item, so that a broken one spoils no other.
        devices: each gets a thread, and all take from the same queue.
        at_once: items of one batch, at most.
        wait: seconds that the first item of a batch waits for others.
        most: items that wait; who comes then waits for room.
    """

    def __init__(
        self,
        compute: Callable[[Device, Key, Sequence[Item]], Sequence[Result]],
        devices: Sequence[Device],
        at_once: int,
        wait: float,
        most: int,
    ) -> None:
        self._compute = compute
        self._at_once, self._wait, self._most = at_once, wait, most
        self._waiting: deque[_Asked[Key, Item, Result]] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(device,), name=f"{THREADS} on {device}", daemon=True)
            for device in devices
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def is_full(self) -> bool:
        """Whether who asks now waits for room first."""
        return len(self._waiting) >= self._most

    def ask(self, key: Key, item: Item, /) -> Result:
        """The item's result. It waits for room, for its turn and for the batch; raises what ``compute`` raises of it.

        Args:
            key: items of the same go together.
            item: what is computed.
        """
        asked: _Asked[Key, Item, Result] = _Asked(key, item)
        with self._changed:
            self._changed.wait_for(lambda: not self.is_full)
            self._waiting.append(asked)
            self._changed.notify_all()
        return asked.answer.result()

    def _work(self, device: Device) -> None:
        while batch := self._next_batch():
            self._answer(device, batch)
            del batch  # else the last images stay until the next come

    def _next_batch(self) -> list[_Asked[Key, Item, Result]]:
        """The oldest item and what goes with it; nothing once the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return []
            first = self._waiting.popleft()
            end = time.monotonic() + self._wait
            while len(same := self._alike(first.key)) < self._at_once - 1 and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            for asked in same:
                self._waiting.remove(asked)
            self._changed.notify_all()
            return [first, *same]

    def _alike(self, key: Key) -> list[_Asked[Key, Item, Result]]:
        return [asked for asked in self._waiting if asked.key == key][: self._at_once - 1]

    def _answer(self, device: Device, batch: Sequence[_Asked[Key, Item, Result]]) -> None:
        results: Sequence[Any]
        try:
            results = self._compute(device, batch[0].key, [asked.item for asked in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"Expected {len(batch)} results of a batch. Found {len(results)}.")
        except BaseException as error:  # whoever asked must learn of it: else he waits for ever
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for asked in batch:
                self._answer(device, [asked])
        else:
            for asked, result in zip(batch, results, strict=True):
                asked.answer.set_result(result)
