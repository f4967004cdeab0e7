"""The first page of a worklist of 5,000 frames in a real browser: ``python -m tests.bench.worklist_page``."""

import hashlib
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nero_core import Inspector
from nero_core.data import Picture, decode_image, thumbnail
from nero_core.store import (
    NewItem,
    Result,
    Review,
    Store,
    add_review,
    add_worklist,
    all_items,
    claim_items,
    local_user,
    open_store,
    put_thumbnail,
    put_upload,
    save_results,
)
from nero_core.worklist import SMALL
from nero_core.worklist.scores import score_files
from tests.bench.crowd import frame, marked, megabytes, wait_until_ready
from tests.bench.process import OWN_PAGES
from tests.browser.server import Browser, Server

ITEMS = 5000
BATCH = 500
ON_THE_DISK = 100  # frames of 0.1 MB each: those that a visitor looks at first
REVIEWED = 200
UNLIKE, ALIKE = 0.1, 1 / 3  # shares of the items


def main() -> None:
    """Print what it takes."""
    with tempfile.TemporaryDirectory() as folder:
        paint, grown = worklist_page_seconds(Path(folder))
    print(f"worklist of {ITEMS} frames: first page after {paint:.2f} s; memory grew by {grown:.0f} MB")


def worklist_page_seconds(home: Path, rounds: int = 5) -> tuple[float, float]:
    """Median seconds to the table and the picture of the first image, each a new session in a window that is open and
    has nothing of the page in its cache; and the megabytes by which the server has grown from the second visit to the
    last. The server is warm: somebody has seen the page."""
    number, taken, memory = write_large_worklist(home), [], []
    with Server(NERO_DEVICE="cpu", NERO_HOME=str(home), NERO_KEEP_NAMES="1") as server, Browser() as browser:
        wait_until_ready(server)
        for _ in range(rounds + 1):
            page = browser.open("about:blank", is_in_new_window=True)
            page.wait_for_timeout(OWN_PAGES)
            start = time.perf_counter()
            page.goto(f"{server.address}/worklist?worklist={number}")
            page.locator("[data-testid=stDataFrame] canvas").first.wait_for(timeout=180_000)
            page.locator(".nero-picture img").wait_for(timeout=180_000)
            taken.append(time.perf_counter() - start)
            page.context.close()
            memory.append(megabytes(server.pid))
    return statistics.median(taken[1:]), memory[-1] - memory[1]


def write_large_worklist(home: Path, items: int = ITEMS) -> int:
    """A worklist of the usual bundle in the store of ``home``, all scored, with a small picture of each item.

    One frame is scored; p-values, scores and perceptual hashes of the others are drawn, a tenth of them unlike and a
    third nearly the same as the one before, as in a slow pan.

    Returns:
        Its number.
    """
    inspector, photograph = Inspector.load(device="cpu"), frame()
    picture = decode_image(photograph, "frame")
    result = score_files(inspector, [picture], "verdict")[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERO_HOME", str(home))
        patch.setenv("NERO_KEEP_NAMES", "1")
        patch.delenv("NERO_DATABASE_URL", raising=False)
        with open_store() as store:
            results = _drawn(result, items)
            order = sorted(range(items), key=lambda place: (results[place].p_value, -(results[place].score or 0.0)))
            first, coarse, lines = set(order[:ON_THE_DISK]), picture.pixels[::10, ::10], []
            for place in range(items):
                data = marked(photograph, place)
                digest = put_upload(store, data) if place in first else hashlib.sha256(data).hexdigest()
                small = Picture(np.roll(coarse, 7 * place, axis=1), digest, "")
                put_thumbnail(store, digest, None, SMALL, thumbnail(small, SMALL))
                lines.append(NewItem(digest, f"frame {place:05}.jpg"))
            number = add_worklist(store, "A week", local_user(), inspector.bundle.digest, "verdict", lines).id
            while (claim := claim_items(store, number, BATCH)).items:
                save_results(store, claim.token, {item.id: results[item.position] for item in claim.items})
            _review(store, number)
    return number


def _drawn(result: Result, items: int) -> list[Result]:
    generator = np.random.default_rng(0)
    p_values = np.where(generator.random(items) < UNLIKE, 0.01, 1.0) * (1 - generator.random(items))
    hashes = generator.integers(0, 2**64, items, dtype=np.uint64)
    is_alike = generator.random(items) < ALIKE
    hashes = np.where(is_alike, np.roll(hashes, 1) ^ np.uint64(1), hashes)
    return [
        replace(
            result,
            p_value=float(p),
            score=1 / float(p),
            verdict="unlike" if p <= 0.05 else "borderline" if p <= 0.1 else "like",
            perceptual_hash=f"{int(bits):016x}",
        )
        for p, bits in zip(p_values, hashes, strict=True)
    ]


def _review(store: Store, number: int) -> None:
    for place, item in enumerate(all_items(store, number)):
        if place >= REVIEWED:
            return
        add_review(store, Review(item.id, local_user(), "agree"))


if __name__ == "__main__":
    main()
