"""What stores are filled with, and processes that write to them until they are killed."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nero_core.store import NewItem, Result, Store, claim_items, save_results

BUNDLE, MODEL, OTHER = "b" * 64, "c" * 64, "d" * 64
ROOT = Path(__file__).resolve().parents[3]


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


@contextmanager
def child(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A Python process of its own, which is killed (SIGKILL) where the block ends; it prints what it has done."""
    command = [sys.executable, "-u", "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ))
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process
        finally:
            process.kill()
            process.stdout.read()
            process.wait()
