"""Batches: each caller gets his own result or error, whoever asks beside him; a full queue makes wait and goes on."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from dashboard.work.batch_queue import BatchQueue

LONG = 60.0  # seconds: more than any of these takes
Queue = BatchQueue[str, str, int, str]


class Device:
    """Says of numbers which key they came with, once the test lets it; a negative one breaks its whole batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, str, list[int]]] = []
        self.has_begun, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()

    def __call__(self, device: str, key: str, items: Sequence[int]) -> list[str]:
        self.batches.append((device, key, list(items)))
        self.has_begun.release()
        assert self.gate.wait(LONG)
        if any(item < 0 for item in items):
            raise ValueError(f"broken {min(items)}")
        return [f"{key}{item}" for item in items]


def until_waiting(queue: Queue, number: int) -> None:
    with queue._changed:
        assert queue._changed.wait_for(lambda: len(queue._waiting) == number, LONG)


def held(queue: Queue, device: Device, pool: ThreadPoolExecutor) -> Future[str]:
    """The device is at work and stays so until its gate opens; what comes then waits."""
    device.gate.clear()
    first = pool.submit(queue.ask, "a", 0)
    assert device.has_begun.acquire(timeout=LONG)
    return first


def test_what_waits_with_the_same_key_is_one_batch_and_each_caller_gets_his_own():
    device = Device()
    with Queue(device, ["cpu"], at_once=3, wait=0, most=20) as queue, ThreadPoolExecutor(8) as pool:
        first = held(queue, device, pool)
        asked = []
        for place, (key, item) in enumerate([("a", 1), ("b", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 6)], start=1):
            asked.append(pool.submit(queue.ask, key, item))
            until_waiting(queue, place)
        device.gate.set()
        assert [first.result(LONG), *(each.result(LONG) for each in asked)] == "a0 a1 b2 a3 a4 a5 b6".split()
    assert [(key, items) for _, key, items in device.batches] == [
        ("a", [0]), ("a", [1, 3, 4]), ("b", [2, 6]), ("a", [5]),
    ]  # fmt: skip


def test_who_comes_within_the_wait_goes_along():
    device = Device()
    with Queue(device, ["cpu"], at_once=2, wait=LONG, most=20) as queue, ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(queue.ask, "aa", (1, 2))) == ["a1", "a2"]  # and nobody waits once a batch is full
    assert [sorted(items) for _, _, items in device.batches] == [[1, 2]]


def test_a_broken_item_spoils_no_other_and_its_caller_learns_why():
    device = Device()
    with Queue(device, ["cpu"], at_once=3, wait=0, most=20) as queue, ThreadPoolExecutor(4) as pool:
        first = held(queue, device, pool)
        asked = []
        for place, item in enumerate([1, -2, 3], start=1):
            asked.append(pool.submit(queue.ask, "a", item))
            until_waiting(queue, place)
        device.gate.set()
        assert [first.result(LONG), asked[0].result(LONG), asked[2].result(LONG)] == ["a0", "a1", "a3"]
        with pytest.raises(ValueError, match="broken -2"):
            asked[1].result(LONG)
        assert queue.ask("a", 4) == "a4"  # and the thread goes on


def test_a_full_queue_says_so_and_goes_on_by_itself():
    device = Device()
    with Queue(device, ["cpu"], at_once=1, wait=0, most=2) as queue, ThreadPoolExecutor(6) as pool:
        first = held(queue, device, pool)
        asked = [pool.submit(queue.ask, "a", item) for item in (1, 2)]
        until_waiting(queue, 2)
        assert queue.is_full
        later = [pool.submit(queue.ask, "a", item) for item in (3, 4)]
        device.gate.set()
        assert [each.result(LONG) for each in [first, *asked, *later]] == ["a0", "a1", "a2", "a3", "a4"]
        assert not queue.is_full


def test_several_devices_work_at_the_same_time_from_one_queue():
    device = Device()
    device.gate.clear()
    with Queue(device, ["one", "two"], at_once=1, wait=0, most=20) as queue, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(queue.ask, "a", item) for item in (1, 2)]
        for _ in asked:
            assert device.has_begun.acquire(timeout=LONG)  # both, before either has ended
        device.gate.set()
        assert [each.result(LONG) for each in asked] == ["a1", "a2"]
    assert {name for name, _, _ in device.batches} == {"one", "two"}


def test_results_that_are_not_one_an_item_are_an_error():
    with BatchQueue[str, str, int, str](lambda *_: [], ["cpu"], at_once=1, wait=0, most=1) as queue:
        with pytest.raises(RuntimeError, match=r"Expected 1 results of a batch\. Found 0\."):
            queue.ask("a", 1)
