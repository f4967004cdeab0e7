"""Runs the tests that need a CUDA card, then measures it against the CPU: ``make gpu-check``. Some minutes.

What it needs besides the project's packages is pytest. Nothing of it opens a browser.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from nero_core import DETECTORS, Inspector, build_detector
from nero_core.calibration import calibrate
from nero_core.data import iterate_batches, read_folder
from nero_core.device import describe_device
from nero_core.errors import NeroError
from nero_core.models import ModelCard, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from nero_core.types import VERDICT
from tests.bench.engine import (
    bare_forward,
    explain_against_gradient,
    heatmaps_against_gradient,
    matrix_product_rate,
)
from tests.bench.methods import made_bank
from tests.bench.timing import paired, seconds

ROOT = Path(__file__).resolve().parent.parent.parent
BUNDLES = ROOT / "assets" / "bundles"
BATCH = 64
# What multiplies the rounding of the features: the sign of a gradient, and the difference of two near distances.
SENSITIVE = {"odin": 1e-3, "relative_mahalanobis": 1e-3}
Row = tuple[str, str, str, str, str]


def main() -> None:
    """Tests, agreement, speed; the exit status is that of the tests and of the agreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cpu tries the script itself")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-tests", action="store_true")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("Expected a CUDA card. Found none. The check was not run.", file=sys.stderr)
        raise SystemExit(2)
    failed = 0 if options.no_tests else _tests()
    device = torch.device(options.device)
    versions = f"torch {torch.__version__}, Python {platform.python_version()}, {platform.processor() or 'CPU'}"
    table = Table("step", "this", "against", "ratio", "goal", title=f"{describe_device(device)}, {versions}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = write_phantoms(folder / "some", 8, seed=98)[:BATCH]
        for row in _rows(options.device, files, folder, options.rounds):
            table.add_row(*row)
            print(*(cell for cell in row if cell), sep=" | ", flush=True)
            failed += "FAILED" in row[3]
    Console(width=150).print(table)
    raise SystemExit(int(failed > 0))


def _tests() -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider"]
    # Beside other versions than the lock's, libraries may warn of what they will change.
    command += ["-o", "filterwarnings=default", "tests/nero_core/test_cuda.py", "tests/nero_core/test_inspector.py"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _rows(device: str, files: list[Path], folder: Path, rounds: int) -> Iterator[Row]:
    for path in sorted(BUNDLES.iterdir()):
        yield from _agreement(path, device, files)
    yield from _matrix_product(torch.device(device))
    for path in sorted(BUNDLES.iterdir()):
        yield from _ratios(Inspector.load(path, device), files, rounds)
    yield from _catalog(torch.device(device), rounds=3)
    yield from _calibration(BUNDLES / "phantom-resnet18", device, folder)
    if device.startswith("cuda"):
        yield "peak memory on the card", f"{torch.cuda.max_memory_allocated() / 2**20:.0f} MB", "", "", ""


def _agreement(path: Path, device: str, files: list[Path]) -> Iterator[Row]:
    """The largest difference of scores and heatmaps between the two devices, and whether two runs are the same bits."""
    there, here = Inspector.load(path, device), Inspector.load(path, "cpu")
    batch = here.decode(files)
    arch, repeats = here.bundle.card.arch, True
    apart: dict[str, float] = {}
    for name in (*DETECTORS, *([] if here.no_verdict_because() else [VERDICT])):
        try:
            wanted = here.detect(batch, [name])[name].score
        except NeroError:
            continue  # which this bundle cannot fit
        once, again = (there.detect(batch, [name])[name].score for _ in range(2))
        repeats &= torch.equal(once, again)
        spread = float(here.reference_scores(name).calibration.std())
        apart[name] = float(((once.cpu() - wanted).abs() / wanted.abs().clamp(min=spread)).max())
    verdict = "" if all(apart[name] <= SENSITIVE.get(name, 1e-4) for name in apart) else "FAILED"
    for name in [max(apart.keys() - SENSITIVE, key=apart.__getitem__), *(apart.keys() & SENSITIVE)]:
        row = f"scores, {name}" if name in SENSITIVE else f"scores, all others, {name} most"
        yield f"{row}, {arch}", f"{apart[name]:.1e}", "", verdict, f"≤ {SENSITIVE.get(name, 1e-4):.0e} relative"
    differences = []
    for composite in here.composites:
        for index in range(3):
            wanted = here.explain(batch, index, concepts=2, composite=composite)
            once, again = (there.explain(batch, index, concepts=2, composite=composite) for _ in range(2))
            repeats &= torch.equal(once.heatmap, again.heatmap)
            differences.append(float((once.heatmap - wanted.heatmap).abs().max() / wanted.heatmap.abs().max()))
    verdict = "" if max(differences) <= 1e-2 else "FAILED"
    yield f"class heatmaps, all composites, {arch}", f"{max(differences):.1e}", "of the maximum", verdict, "≤ 1e-2"
    yield f"two runs, {arch}", "the same bits" if repeats else "differ", "", "" if repeats else "FAILED", "the same"


def _matrix_product(device: torch.device) -> Iterator[Row]:
    """What the device multiplies at best in float32, to hold the forward pass against."""
    yield "matrix product, float32", f"{matrix_product_rate(device) / 1e12:.1f} TFLOP/s", "", "", ""


def _ratios(inspector: Inspector, files: list[Path], rounds: int) -> Iterator[Row]:
    arch = inspector.bundle.card.arch
    batch = inspector.decode(files)
    on_device = replace(batch, pixels=batch.pixels.to(inspector.device))
    forward = bare_forward(inspector, on_device)
    for name in ("nero", inspector.default_method()):
        for what, images in (("images on the device", on_device), ("images on the host", batch)):
            measured, other, ratio = paired(lambda n=name, i=images: inspector.detect(i, [n]), forward, rounds)
            row = f"{name}, {len(batch)} {what} ÷ bare forward, {arch}"
            goal = "≤ 1.05" if what.endswith("device") and name == "nero" else ""
            yield row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", goal
    with FlopCounterMode(display=False) as counter:
        forward()
    rate = f"{counter.get_total_flops() / other / 1e12:.1f} TFLOP/s"
    yield f"bare forward, {arch}", f"{len(batch) / other:.0f} images/s", rate, "", ""
    measured, other, ratio = explain_against_gradient(inspector, files, rounds)
    row = f"explain, 8 concepts ÷ gradient of 8, {arch}"
    yield row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", ""
    measured, other, ratio = heatmaps_against_gradient(inspector, files, rounds)
    row = f"8 conditional heatmaps ÷ gradient of 8, {arch}"
    yield row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", "≤ 1"
    if not inspector.no_unlikeness_because:
        one = bare_forward(inspector, on_device.select(0))
        measured, other, ratio = paired(lambda: inspector.unlikeness(on_device), one, rounds)
        row = f"map of where it is unlike ÷ bare forward of one, {arch}"
        yield row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", ""


def _catalog(device: torch.device, rounds: int) -> Iterator[Row]:
    head, fit, labels = made_bank(5_000, seed=1)
    _, features, _ = made_bank(10_000, seed=2)
    sums, slowest = [0.0, 0.0], (0.0, "")
    for name in DETECTORS:
        detector = build_detector(name, head.to(device))
        there = fit.to(device), labels.to(device), features.to(device)
        detector.fit_features(*there[:2])
        works = (lambda: detector.fit_features(*there[:2]), lambda: detector.predict_features(there[2]))  # noqa: B023
        taken = [statistics.median(seconds(work) for _ in range(rounds)) for work in works]
        sums = [total + each for total, each in zip(sums, taken, strict=True)]
        slowest = max(slowest, (sum(taken), name))
    yield f"fit all {len(DETECTORS)} methods on 5,000", f"{sums[0]:.2f} s", f"slowest: {slowest[1]}", "", "≤ 20 s"
    yield "score 10,000 with all", f"{sums[1]:.2f} s", f"{slowest[0]:.2f} s", "", "≤ 2.5 s"


def _calibration(bundle: Path, device: str, folder: Path) -> Iterator[Row]:
    """Images a second from files to a bundle, against decoding and the bare forward pass of the same files."""
    write_phantoms(folder / "id", 120, seed=97, classes=ID_CLASSES)
    inspector = Inspector.load(bundle, device)
    images = read_folder(folder / "id")
    classifier = inspector.bundle.classifier

    def bare() -> None:
        for batch in iterate_batches(images, classifier.input_size, batch_size=BATCH):
            classifier.features(batch.pixels)

    start = time.perf_counter()
    bare()
    other = time.perf_counter() - start
    card = ModelCard(arch=inspector.bundle.card.arch, classes=classifier.class_names)
    save_checkpoint(folder / "checkpoint", classifier.model, card)
    start = time.perf_counter()
    calibrate(
        folder / "checkpoint", folder / "id", folder / "bundle", device=device, references=0, allow_reduced_rank=True
    )
    measured = time.perf_counter() - start
    row = "calibrate without reference heatmaps ÷ decode and bare forward"
    rates = [f"{len(images) / taken:.0f} images/s" for taken in (measured, other)]
    yield row, *rates, f"{measured / other:.2f}", ""
    start = time.perf_counter()
    calibrate(
        folder / "checkpoint",
        folder / "id",
        folder / "whole",
        device=device,
        allow_reduced_rank=True,
        references=2,
        patches=0,
    )
    yield "calibrate with two reference heatmaps a channel", f"{time.perf_counter() - start:.1f} s", "", "", ""


if __name__ == "__main__":
    main()
