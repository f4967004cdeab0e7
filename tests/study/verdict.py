"""What the verdict of a bundle is worth: ``python -m tests.study.verdict [--bundle B] [--real NAME=FOLDER …]``.

Draws phantoms of a seed that nothing was made on, and asks on them and on folders of real images how many the verdict
rejects at the share that the bundle was calibrated for, how well its score separates, and how often "another kind of
picture" is said. Folders are read at any depth; all that is in them is OOD to the demo bundles.
"""

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nero_core import VERDICT, Inspector
from nero_core.metrics import auroc
from nero_core.phantom.drawing import CLASSES, ID_CLASSES, write_phantoms
from nero_core.score_images import image_paths
from nero_core.types import Detection

METHODS = (VERDICT, "nero", "nero_plus", "nero_deep")
BATCH = 32


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table a bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, action="append", help="the default demo where none is named")
    parser.add_argument("--real", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--seed", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        drawn = Path(scratch)
        write_phantoms(drawn, per_class=asked.per_class, size=224, seed=asked.seed, classes=CLASSES)
        folders = {name: drawn / name for name in CLASSES}
        folders |= {name: Path(folder) for name, _, folder in (pair.partition("=") for pair in asked.real)}
        for bundle in asked.bundle or [None]:
            table(Inspector.load(bundle), folders)


def table(inspector: Inspector, folders: dict[str, Path]) -> None:
    """A row a folder: how many each method rejects, and its AUROC against all ID phantoms."""
    paths = {name: list(image_paths([folder])) for name, folder in folders.items()}
    found = {name: detect(inspector, files) for name, files in paths.items()}
    foreign_in = {name: foreign(inspector, files, found[name][VERDICT]) for name, files in paths.items()}
    inside = {name: torch.cat([found[each][name].score for each in ID_CLASSES]) for name in METHODS}
    print(f"\n{inspector.bundle.card.title}: rejected at {inspector.bundle.card.tpr:.0%} / AUROC, in percent\n")
    print("| images | " + " | ".join(METHODS) + ' | "another kind of picture" |')
    print("|---" * (len(METHODS) + 2) + "|")
    for name, detections in found.items():
        cells = [cell(detections[method], None if name in ID_CLASSES else inside[method]) for method in METHODS]
        verdict = detections[VERDICT]
        print(f"| {name} ({len(verdict)}) | " + " | ".join(cells) + f" | {percent(torch.tensor(foreign_in[name]))} |")
    lesions = [name for name in CLASSES if name not in ID_CLASSES]
    means = [sum(auroc(inside[m], found[name][m].score) for name in lesions) / len(lesions) for m in METHODS]
    rejected = [torch.cat([found[name][m].is_ood for name in ID_CLASSES]) for m in METHODS]
    print("| ID phantoms rejected | " + " | ".join(percent(values) for values in rejected) + " | |")
    print("| lesions, mean AUROC | " + " | ".join(f"{100 * value:.1f}" for value in means) + " | |")


def detect(inspector: Inspector, paths: Sequence[Path]) -> dict[str, Detection]:
    """All methods on all images."""
    parts = [inspector.detect(inspector.decode(list(part)), METHODS) for part in batches(paths)]
    return {name: joined([part[name] for part in parts]) for name in METHODS}


def foreign(inspector: Inspector, paths: Sequence[Path], verdict: Detection) -> list[bool]:
    """Of each image, whether the page says "another kind of picture"."""
    if inspector.no_unlikeness_because:
        return [verdict.is_foreign(index) for index in range(len(paths))]
    return [
        verdict.is_foreign(index) and verdict.is_foreign(index, inspector.unlikeness(inspector.decode([path])).share)
        for index, path in enumerate(paths)
    ]


def batches(paths: Sequence[Path]) -> Iterable[Sequence[Path]]:
    """Slices of ``BATCH`` files."""
    return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))


def joined(parts: Sequence[Detection]) -> Detection:
    """One record of several batches; of the terms, those with one number an image."""
    first = parts[0]
    terms = {
        name: torch.cat([part.terms[name] for part in parts]) for name, value in first.terms.items() if value.ndim == 1
    }
    tensors = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in ("score", "is_ood", "p_value", "predicted", "confidence")
    }
    return Detection(
        first.detector,
        threshold=first.threshold,
        calibration_size=first.calibration_size,
        tpr=first.tpr,
        terms=terms,
        **tensors,
    )


def cell(detection: Detection, inside: Tensor | None) -> str:
    """``97 / 99.6``; of ID images the share that is rejected alone."""
    rejected = percent(detection.is_ood)
    return rejected if inside is None else f"{rejected} / {100 * auroc(inside, detection.score):.1f}"


def percent(values: Tensor) -> str:
    """The share that is true."""
    return f"{100 * float(values.double().mean()):.0f}"


if __name__ == "__main__":
    main()
