"""What a process keeps after sixteen sessions at once: ``python -m tests.memory_at_work BUNDLE [--as-it-comes]``.

Prints megabytes of memory before them and some seconds after, as the server has it or, ``--as-it-comes``, as the C
library leaves it.
"""

import argparse
import io
import resource
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dashboard.work.memory import return_unused_memory
from nero_core import Inspector

SESSIONS = 16
DECODERS = 2  # at a time, as on the pages
REST = 4.0  # seconds
PAGE = resource.getpagesize()


def megabytes() -> float:
    """Memory of this process that is not swapped out."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def photograph(height: int = 3000, width: int = 4000) -> bytes:
    """A JPEG of a camera's size."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def main() -> None:
    """Print two numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--as-it-comes", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.as_it_comes and not return_unused_memory(moment=1.0):
        raise SystemExit("This C library keeps nothing that could be given back.")
    inspector = Inspector.load(options.bundle, "cpu")
    inspector.reference_scores()
    data, gate = photograph(), threading.Semaphore(DECODERS)

    def session() -> None:
        for _ in range(2):
            with gate:
                batch = inspector.decode([data])
            inspector.detect(inspector.observe(batch))

    before = megabytes()
    threads = [threading.Thread(target=session) for _ in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(REST)
    print(f"{before:.0f} {megabytes():.0f}")


if __name__ == "__main__":
    main()
