"""Measures the speed of each step, ratios in one run on one machine: ``make bench``. Medians are printed."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from nero_core import Inspector
from nero_core.device import describe_device
from nero_core.phantom.drawing import write_phantoms
from tests.bench.crowd import UPLOADS, USERS, crowd, kept_after_uploads
from tests.bench.engine import (
    all_channels_seconds,
    detect_against_forward,
    drawing_seconds,
    explain_against_gradient,
    heatmaps_against_gradient,
    perturbation_seconds,
)
from tests.bench.methods import all_depths_seconds, catalog_seconds, many_classes_seconds, nero_against_loop
from tests.bench.passes import STREAMED, passes_seconds
from tests.bench.process import (
    ROOT,
    explorer_seconds,
    import_against_torch,
    kept_megabytes,
    page_times,
    small_file_against_streamlit,
)
from tests.bench.worklist import FRAMES, worklist_against_forward


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=ROOT / "assets" / "bundles" / "phantom-resnet18")
    parser.add_argument("--transformer", type=Path, default=ROOT / "assets" / "bundles" / "phantom-deit")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-crowd", action="store_true", help="leave out many visitors and a thousand uploads")
    parser.add_argument("--uploads", type=int, default=UPLOADS, help="of which the server's memory is measured")
    parser.add_argument("--no-browser", action="store_true", help="leave out what is measured on the real page")
    options = parser.parse_args()
    inspector = Inspector.load(options.bundle)
    print(f"{describe_device(inspector.device)}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    table = Table("step", "this", "against", "ratio", "goal")
    with tempfile.TemporaryDirectory() as folder:
        files = write_phantoms(Path(folder), 4, seed=99)
        measured, other, ratio = detect_against_forward(inspector, files, options.rounds)
        table.add_row(
            "detect 32 images ÷ bare forward", f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 1.10"
        )
        usual = Inspector.load()
        measured, other, ratio = detect_against_forward(usual, files, options.rounds, usual.default_method())
        row = f"the default's verdict on 32 images ÷ bare forward, {usual.bundle.card.arch}"
        table.add_row(row, f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 1.15")
        measured, other, ratio = explain_against_gradient(inspector, files, options.rounds)
        table.add_row(
            "explain, 8 concepts ÷ gradient of 8", f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 3"
        )
        for each in (inspector, Inspector.load(options.transformer)):
            measured, other, ratio = heatmaps_against_gradient(each, files, options.rounds)
            row = f"8 conditional heatmaps ÷ gradient of 8, {each.bundle.card.arch}"
            table.add_row(row, f"{measured:.3f} s", f"{other:.3f} s", f"{ratio:.2f}", "≤ 2")
        every = all_channels_seconds(inspector, files[0])
        neurons = inspector.bundle.classifier.head.neurons
        table.add_row(f"all {neurons} channels of one image", f"{every:.1f} s", "", "", "≤ 25 s")
        moved = perturbation_seconds(inspector, files[0], options.rounds)
        table.add_row("Learn: perturbation to score", f"{moved:.3f} s", "", "", "≤ 0.7 s")
        drawing = drawing_seconds(options.rounds)
        table.add_row("draw and encode a phantom", f"{drawing:.3f} s", "", "", "≤ 0.067 s")
        catalog = catalog_seconds(rounds=3)
        fitting, scoring = (sum(times) for times in zip(*catalog.values(), strict=True))
        table.add_row(f"fit all {len(catalog)} methods on 5,000 images", f"{fitting:.1f} s", "", "", "≤ 20 s")
        table.add_row("score 10,000 observed images with all", f"{scoring:.1f} s", "", "", "≤ 5 s")
        for name, (fit, score) in sorted(catalog.items(), key=lambda row: -sum(row[1]))[:4]:
            table.add_row(f"  of which {name}: fit, score", f"{fit:.2f} s", f"{score:.2f} s", "", "")
        fit, score = all_depths_seconds()
        row = "nero_deep, stages of EfficientNet-Lite0: fit on 5,000, score 1,000"
        table.add_row(row, f"{fit:.1f} s", f"{score:.1f} s", "", "≤ 20 s")
        for name, goal in (("line", "≤ 10 s"), ("nero", ""), ("knn", "")):
            fit, score = many_classes_seconds(name)
            row = f"{name}, 1,000 classes × 2,048 neurons: fit on 5,000, score 1,000"
            table.add_row(row, f"{fit:.1f} s", f"{score:.1f} s", "", goal)
        for name in ("nero", "nero_plus", STREAMED):
            for images in (10_000, 100_000):
                took, peak = passes_seconds(name, images)
                row = f"{name} in passes over {images:,} images: fit, and what memory grew by"
                table.add_row(row, f"{took:.1f} s", f"{peak:.0f} MB", f"{1e6 * took / images:.0f} µs an image", "flat")
        measured, other, ratio = nero_against_loop(rounds=3)
        table.add_row(
            "NERO, fit and score ÷ a loop in Python",
            f"{measured:.3f} s",
            f"{other:.2f} s",
            f"1/{1 / ratio:.0f}",
            "≤ 1/50",
        )
        measured, other, ratio = import_against_torch(rounds=5)
        row = "from nero_core import Inspector ÷ import torch"
        table.add_row(row, f"{measured:.2f} s", f"{other:.2f} s", f"{ratio:.2f}", "≤ 2.5 s")
        if sys.platform.startswith("linux"):
            measured, other = kept_megabytes(options.bundle), kept_megabytes(options.bundle, "--as-it-comes")
            row = "memory kept after 16 sessions at once ÷ as glibc leaves it"
            table.add_row(row, f"{measured:.0f} MB", f"{other:.0f} MB", "", "≤ 100 MB")
        measured, other, ratio = worklist_against_forward(usual)
        row = f"{FRAMES} frames of 1350 × 1080, folder to worklist: speed ÷ bare forward with decoding"
        table.add_row(row, f"{measured:.1f} s", f"{other:.1f} s", f"{1 / ratio:.2f}", "≥ 0.8")
        if not options.no_crowd:
            add_crowd(table, options.uploads)
        if not options.no_browser:
            first, verdict, concepts = page_times(options.bundle, files[-1])
            table.add_row("cold start to first page", f"{first:.1f} s", "", "", "")
            table.add_row("upload to verdict", f"{verdict:.1f} s", "", "", "")
            table.add_row("upload to eight concepts, the first explanation", f"{concepts:.1f} s", "", "", "")
            measured, other, ratio = small_file_against_streamlit()
            row = "a small file ÷ the same from Streamlit's own server"
            table.add_row(row, f"{1000 * measured:.1f} ms", f"{1000 * other:.1f} ms", f"{ratio:.2f}", "≤ 0.2")
            paint, in_new = explorer_seconds(options.bundle, Path(folder))
            table.add_row("neuron explorer, 512 channels × 2,000 images", f"{paint:.1f} s", "", "", "≤ 2 s")
            table.add_row("  in a browser window that is opened for it", f"{in_new:.1f} s", "", "", "")
    Console().print(table)


def add_crowd(table: Table, uploads: int) -> None:
    """The rows of many visitors."""
    found = crowd()
    row = f"upload to verdict, p95 of {USERS} users at once ÷ of one, {found.uploads} uploads"
    table.add_row(
        row, f"{found.together:.2f} s", f"{found.alone:.2f} s", f"{found.together / found.alone:.1f}", f"≤ {USERS}"
    )
    table.add_row(
        "  of which errors, and verdicts of another image", str(found.errors), str(found.mixed_up), "", "0, 0"
    )
    if sys.platform.startswith("linux"):
        before, after, errors = kept_after_uploads(uploads)
        row = f"memory of the server after {uploads} uploads and all windows closed; errors {errors}"
        table.add_row(row, f"{after:.0f} MB", f"{before:.0f} MB", f"+{after - before:.0f} MB", "≤ +200 MB")


if __name__ == "__main__":
    main()
