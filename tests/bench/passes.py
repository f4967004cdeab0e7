"""Fits in passes, over more and more images that are made as they are read: how time and memory grow."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from torch import Tensor

from nero_core import build_detector
from nero_core.calibration.spill import Spill
from nero_core.detectors import batch_sums, fit_streamed
from nero_core.detectors.passes import fit_in_passes
from nero_core.types import Head
from tests.bench.methods import made_bank
from tests.bench.timing import seconds

BATCH = 2000  # images
STREAMED = "all"  # methods that need only sums, at once, from features on the disk
STAGE = 256  # channels of the one stage before the features


def passes_seconds(name: str, images: int) -> tuple[float, float]:
    """Seconds of a method to fit so many images of 512 channels, and megabytes that it took at its peak."""
    command = [sys.executable, "-m", "tests.bench.passes", name, str(images)]
    took, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(took), float(peak)


def streamed(head: Head, read: Callable[[], Iterable[tuple[Tensor, Tensor]]]) -> None:
    """As ``nero calibrate`` fits on more images than a bundle keeps, but for the forward pass."""
    labels = [label for _, y in read() for label in y.tolist()]
    stages = {"layer": STAGE}
    with tempfile.TemporaryDirectory() as folder, closing(Spill(Path(folder), 512, stages, len(labels))) as spill:
        for x, _ in read():
            spill.write(x, {"layer": x[:, :STAGE].half().float()})
        fit_streamed(head, stages, partial(batch_sums, partial(spill.read, labels)))


def main() -> None:
    """Fit in this process, and print seconds and megabytes."""
    name, images = sys.argv[1], int(sys.argv[2])
    head, x, y = made_bank(BATCH, seed=0)

    def read() -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(-(-images // BATCH)):
            # Another image each time, for less than it takes to draw numbers anew.
            part = x.roll(number % BATCH, 0) * (1 + number / 1e5) + x.roll(1 + number // 7 % BATCH, 0) / 4
            left = images - number * BATCH
            yield part[:left], y[:left]

    fit = partial(streamed, head) if name == STREAMED else partial(fit_in_passes, build_detector(name, head))
    fit(lambda: [(x, y)])  # what is loaded with the first one is loaded
    before = getrusage(RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: fit(read))
    print(f"{took:.3f} {(getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024:.1f}")


if __name__ == "__main__":
    main()
