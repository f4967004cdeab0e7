"""From a folder of frames to a scored worklist, against the model's bare forward pass with decoding."""

import tempfile
from itertools import count
from pathlib import Path

import pytest

from nero_core import Inspector
from nero_core.store import open_store
from nero_core.worklist import begin, files_of, score_worklist
from tests.bench.crowd import frame, marked
from tests.bench.engine import bare_forward
from tests.bench.timing import paired

FRAMES = 160  # each as any other, so that 5,000 take 5,000 / 160 times as long, but for what grows with the list
BATCH = 32


def worklist_against_forward(inspector: Inspector, frames: int = FRAMES, rounds: int = 2) -> tuple[float, float, float]:
    """Seconds of both, and how many times faster the bare pass is.

    The frames are JPEGs of 1350 × 1080. The worklist reads and lists the folder, decodes, scores by the verdict and
    saves each batch; the bare pass decodes the same files and runs the model on them in batches of 32.
    """
    picture, numbers = frame(), count()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERO_HOME", folder)
        patch.delenv("NERO_DATABASE_URL", raising=False)
        images = Path(folder) / "frames"
        images.mkdir()
        paths = [images / f"{number:05}.jpg" for number in range(frames)]
        for number, path in enumerate(paths):
            path.write_bytes(marked(picture, number))
        with open_store() as store:

            def worklist() -> None:
                with files_of(images) as files:
                    number = begin(store, inspector, f"list {next(numbers)}", "bench", files, "verdict", None).id
                    score_worklist(store, number, inspector, files)

            def bare() -> None:
                for start in range(0, frames, BATCH):
                    bare_forward(inspector, inspector.decode(paths[start : start + BATCH]))()

            return paired(worklist, bare, rounds)
