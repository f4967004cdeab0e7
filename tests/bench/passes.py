"""Fits in passes, over more and more images that are made as they are read: how time and memory grow."""

import subprocess
import sys
from collections.abc import Iterator
from resource import RUSAGE_SELF, getrusage

from torch import Tensor

from nero_core import build_detector
from nero_core.detectors.passes import fit_in_passes
from tests.bench.methods import made_bank
from tests.bench.timing import seconds

BATCH = 2000  # images


def passes_seconds(name: str, images: int) -> tuple[float, float]:
    """Seconds of a method to fit so many images of 512 channels, and megabytes that it took at its peak."""
    command = [sys.executable, "-m", "tests.bench.passes", name, str(images)]
    took, peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(took), float(peak)


def main() -> None:
    """Fit in this process, and print seconds and megabytes."""
    name, images = sys.argv[1], int(sys.argv[2])
    head, x, y = made_bank(BATCH, seed=0)

    def read() -> Iterator[tuple[Tensor, Tensor]]:
        for number in range(images // BATCH):
            # Another image each time, for less than it takes to draw numbers anew.
            yield x.roll(number % BATCH, 0) * (1 + number / 1e5) + x.roll(1 + number // 7 % BATCH, 0) / 4, y

    detector = build_detector(name, head)
    fit_in_passes(detector, lambda: [(x, y)])  # what is loaded with the first one is loaded
    before = getrusage(RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: fit_in_passes(detector, read))
    print(f"{took:.3f} {(getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024:.1f}")


if __name__ == "__main__":
    main()
