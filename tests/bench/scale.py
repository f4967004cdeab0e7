"""Scores on one and on two workers of Ray, and what that says of more: ``python -m tests.bench.scale``."""

import argparse
import os
import pickle
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from nero_core.data.decode import decode_image, resize
from nero_core.inspector import Inspector
from nero_core.phantom.drawing import write_phantoms
from nero_core.scale import Engine, OneProcess, PartSettings, open_cluster, score_into_parts
from nero_core.scale.scorer import Answer
from nero_core.scale.units import Unit
from tests.bench.process import ROOT

UNIT = 16  # images
SIDE = 1080  # pixels of a frame


@dataclass(frozen=True, slots=True)
class Cost:
    """What one image costs.

    Attributes:
        decode: seconds of one core, from bytes to pixels at the classifier's size.
        file: bytes that are read.
        row: bytes of a row of a part.
        unit: bytes that a unit of 256 files sends to a worker and back.
    """

    decode: float
    file: int
    row: int
    unit: int


def images_a_second(bundle: Path, files: list[Path], engine: Engine, out: Path) -> float:
    """From the first answer to the last, so that the start of processes is left out."""
    digest = Inspector.load(bundle, "cpu").bundle.digest
    times: list[float] = []
    images: list[int] = []

    def note(answer: Answer, done: int, total: int) -> None:
        times.append(time.monotonic())
        images.append(answer.images)

    score_into_parts(bundle, files, out, PartSettings(digest, "", "nero", 0.95), engine, size=UNIT, on_answer=note)
    return sum(images[1:]) / (times[-1] - times[0])


def cost(bundle: Path, frame: Path, out: Path) -> Cost:
    """Measured on one frame; seconds are of the processor, whatever else the machine does."""
    size = Inspector.load(bundle, "cpu").bundle.classifier.input_size
    spent = []
    for _ in range(9):
        before = time.thread_time()
        resize(decode_image(frame), size)
        spent.append(time.thread_time() - before)
    part = next(out.glob("part-*.parquet"))
    unit = Unit("files", tuple(f"{frame.with_suffix('')}-{number:06}.jpg" for number in range(256)))
    sent = len(pickle.dumps(unit)) + len(pickle.dumps(Answer(256, 0, "machine-0123:12345")))
    return Cost(statistics.median(spent), frame.stat().st_size, part.stat().st_size // UNIT, sent)


def model(of_an_image: Cost, gpus: int, cores: int, forward: float, images: float, price: float) -> str:
    """One row of the table: what so many GPUs would do, if nothing but decoding and the forward pass took time.

    Args:
        of_an_image: see ``cost``.
        gpus: how many.
        cores: of each GPU's share of its machine.
        forward: images a second of one GPU, bare forward pass.
        images: to score.
        price: of a GPU with its cores, an hour.
    """
    decoded = cores / of_an_image.decode
    rate = gpus * min(decoded, forward)
    hours = images / rate / 3600
    return (
        f"{gpus:>5} GPUs, {cores} cores each: {rate:,.0f} images/s (decoding {gpus * decoded:,.0f}, network "
        f"{gpus * forward:,.0f}); reads {rate * of_an_image.file / 1e9:.2f} GB/s, writes "
        f"{rate * of_an_image.row / 1e6:.1f} MB/s, {rate / 256:,.0f} units of 256/s; "
        f"{images:.0e} images: {hours:,.1f} h, {hours * gpus * price:,.0f} at {price} a GPU-hour"
    )


def main() -> None:
    """Print what was measured, in turn, and the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "assets" / "bundles" / "phantom-resnet18")
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--forward", type=float, default=7342, help="images/s of a GPU: docs/performance.md")
    parser.add_argument("--cores", type=int, default=16, help="cores of each GPU's share of its machine")
    parser.add_argument("--price", type=float, default=3.0, help="of a GPU with its cores, an hour")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        drawn = write_phantoms(Path(folder) / "drawn", 1, size=SIDE, seed=99)
        files = [Path(folder) / f"{number:06}.jpg" for number in range(options.images)]
        for number, file in enumerate(files):
            os.link(drawn[number % len(drawn)], file)
        rates: dict[str, list[float]] = {"one process": [], "1 worker": [], "2 workers": []}
        for number in range(options.rounds):
            out = Path(folder) / f"out-{number}"
            rates["one process"].append(images_a_second(options.bundle, files, OneProcess("cpu", 1), out))
            for workers in (1, 2):
                with open_cluster(workers=workers, device="cpu") as cluster:
                    name = f"{workers} worker{'s' * (workers > 1)}"
                    rates[name].append(images_a_second(options.bundle, files, cluster, Path(f"{out}-{workers}")))
        for name, measured in rates.items():
            print(f"{name}: {', '.join(f'{rate:.1f}' for rate in measured)} images/s", flush=True)
        pairs = list(zip(rates["2 workers"], rates["1 worker"], strict=True))
        ratio = statistics.median(two / single for two, single in pairs)
        print(f"2 workers ÷ 1: {ratio:.2f}; more than 2 where others compute beside")
        measured_cost = cost(options.bundle, drawn[0], Path(folder) / "out-0")
    print(measured_cost)
    for gpus in (1, 8, 1000):
        print(model(measured_cost, gpus, options.cores, options.forward, 1e9, options.price))


if __name__ == "__main__":
    main()
