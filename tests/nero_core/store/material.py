"""What stores are filled with, and processes that write to them until they are killed."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from nero_core.store import NewItem, Result, Store, claim_items, save_results
from tests.warm_process import WarmProcess, WarmProcesses

BUNDLE, MODEL, OTHER = "b" * 64, "c" * 64, "d" * 64


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def items(count: int, first: int = 0) -> list[NewItem]:
    return [NewItem(digest(number), f"frame {number}.png") for number in range(first, first + count)]


def scored(p_value: float = 0.5, verdict: str = "like", predicted: str = "polyps", bundle: str = BUNDLE) -> Result:
    return Result(
        bundle, MODEL, "1.0", "verdict", predicted, 0.9, 1 / p_value, 20.0, p_value, verdict, {"nero": {"score": 0.1}}
    )


def failed(error: str = "Expected an image. Found none.") -> Result:
    return Result(BUNDLE, MODEL, "1.0", "verdict", error=error)


def score_all(store: Store, worklist: int, p_values: list[float] | None = None) -> list[int]:
    """Score what waits; the numbers of the items in their order."""
    claim = claim_items(store, worklist, 10_000)
    values = p_values or [(place + 1) / (len(claim.items) + 1) for place in range(len(claim.items))]
    results = {
        item.id: scored(p, "unlike" if p <= 0.05 else "borderline" if p <= 0.1 else "like")
        for item, p in zip(claim.items, values, strict=True)
    }
    assert save_results(store, claim.token, results) == tuple(results)
    return list(results)


class Child:
    """A process that prints what it has done.

    Attributes:
        stdout: its lines, as they come.
    """

    def __init__(self, process: WarmProcess, stdout: IO[str]) -> None:
        self._process, self.stdout = process, stdout

    def poll(self) -> int | None:
        """Its status, if it has ended."""
        return self._process.poll()

    def kill(self) -> None:
        """By the system, and wait until it is gone."""
        self._process.kill()
        self._process.wait(120)

    def wait(self) -> int:
        """Its status, once it has ended."""
        return self._process.wait(120)


@contextmanager
def child(warm: WarmProcesses, script: str, *arguments: object) -> Iterator[Child]:
    """A Python process of its own, which is killed (SIGKILL) where the block ends."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as stdout:
        try:
            process = warm.start("-c", script, *arguments, env={"PYTHONUNBUFFERED": "1"}, to=writes)
        finally:
            os.close(writes)
        with process:
            yield Child(process, stdout)
