"""What is measured on: classifiers made from scratch by the project's own commands, three seeds each.

``python -m tests.study.cases phantom`` makes everything that is drawn; ``… mednist FOLDER --weights FILE`` what needs
real images. Killed at any moment, the same command goes on.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BUILD = Path("build/study")
SEEDS = (0, 1, 2)
PHANTOM_CLASSIFIERS = {"resnet18": "resnet18", "deit": "deit_tiny_patch16_224"}
MEDNIST_SPLITS = {  # name → ID classes; the other two of the six are OOD. The first is the one of the full table.
    "a": ("AbdomenCT", "BreastMRI", "CXR", "Hand"),
    "b": ("BreastMRI", "CXR", "ChestCT", "HeadCT"),
    "c": ("AbdomenCT", "ChestCT", "Hand", "HeadCT"),
}
FROZEN = "tf_efficientnet_lite0"  # the backbone whose ImageNet weights a package brings


@dataclass(frozen=True, slots=True)
class Case:
    """One classifier, its ID test images and one set of OOD images.

    Attributes:
        family: what the seeds of a table have in common.
        seed: of drawing, splitting, training and calibrating.
        bundle: fitted on ID images that training did not see.
        id: ID test images, seen by neither.
        ood: OOD images; nothing is fitted or tuned on them.
    """

    family: str
    seed: int
    bundle: Path
    id: Path
    ood: Path

    @property
    def out(self) -> Path:
        """Where the benchmark of this case is."""
        return BUILD / "results" / f"{self.family}-{self.seed}"


def cases(polyps: Path | None = None) -> Iterator[Case]:
    """All cases whose bundle is there, those with real polyps only where their folder is given."""
    for seed in SEEDS:
        for name in PHANTOM_CLASSIFIERS:
            root = BUILD / "phantom" / str(seed)
            yield from _there(Case(f"phantom {name}", seed, root / f"{name}-bundle", root / "test", root / "ood"))
            if polyps is not None:
                yield from _there(Case(f"polyps {name}", seed, root / f"{name}-bundle", root / "test", polyps))
        for split in MEDNIST_SPLITS:
            for name in ("resnet18", "frozen"):
                root = BUILD / "mednist" / split / str(seed)
                family = f"mednist-{split} {name}"
                yield from _there(Case(family, seed, root / f"{name}-bundle", root / "set/test", root / "set/ood"))


def _there(case: Case) -> Iterator[Case]:
    if (case.bundle / "bundle.json").is_file():
        yield case


def make_phantom(seeds: Sequence[int], epochs: int) -> None:
    """Draw, train and calibrate: 400 images a class to train on, 230 to calibrate, 100 ID and 60 OOD to measure."""
    for seed in seeds:
        root = BUILD / "phantom" / str(seed)
        first = 100 + 10 * seed
        nero("phantom", root / "train", "--classes", "id", "--per-class", 400, "--seed", first)
        nero("phantom", root / "calibration", "--classes", "id", "--per-class", 230, "--seed", first + 1)
        nero("phantom", root / "test", "--classes", "id", "--per-class", 100, "--seed", first + 2)
        nero("phantom", root / "ood", "--classes", "ood", "--per-class", 60, "--seed", first + 2)
        for name, arch in PHANTOM_CLASSIFIERS.items():
            train(root / "train", root / name, seed, "--arch", arch, "--epochs", epochs)
            calibrate(root / name, root / "calibration", root / f"{name}-bundle", seed)


def make_mednist(source: Path, weights: Path | None, seeds: Sequence[int]) -> None:
    """Split, train and calibrate: ResNet-18 from scratch at 64 pixels, and a frozen ImageNet backbone at 224."""
    for seed in seeds:
        for split, id_classes in MEDNIST_SPLITS.items():
            root = BUILD / "mednist" / split / str(seed)
            shares = ("--train", 0.35, "--calibration", 0.4, "--test", 0.25)
            chosen = ("--id-classes", ",".join(id_classes), "--seed", seed)
            nero("prepare", "folder", source, root / "set", *chosen, *shares)
            small = ("--arch", "resnet18", "--size", 64, "--epochs", 6)
            train(root / "set/train", root / "resnet18", seed, *small)
            calibrate(root / "resnet18", root / "set/calibration", root / "resnet18-bundle", seed)
            if weights is not None and split == "a":
                frozen = ("--arch", FROZEN, "--weights", weights, "--by-order", "--freeze-backbone")
                train(root / "set/train", root / "frozen", seed, *frozen, "--augment", "none", "--epochs", 40)
                calibrate(root / "frozen", root / "set/calibration", root / "frozen-bundle", seed)


def train(data: Path, out: Path, seed: int, *options: object) -> None:
    """``nero train``, which returns at once where it has finished before."""
    nero("train", data, "--out", out, "--seed", seed, *options)


def calibrate(checkpoint: Path, data: Path, out: Path, seed: int) -> None:
    """``nero calibrate``, unless the bundle is there."""
    if not (out / "bundle.json").is_file():
        nero(
            "calibrate",
            checkpoint,
            data,
            "--out",
            out,
            "--seed",
            seed,
            "--allow-reduced-rank",
            "--no-references",
            "--no-patches",
        )


def nero(command: str, *arguments: object) -> None:
    """Run one command of the project and show it."""
    words = [command, *map(str, arguments)]
    print("nero", *words, flush=True)
    subprocess.run([sys.executable, "-m", "nero_core.cli", *words], check=True)


def main() -> None:
    """Make the cases that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["phantom", "mednist"])
    parser.add_argument("source", nargs="?", type=Path, help="folder of MedNIST's six class folders")
    parser.add_argument("--weights", type=Path, help=f"ImageNet weights of {FROZEN}")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--epochs", type=int, default=8)
    given = parser.parse_args()
    if given.what == "phantom":
        make_phantom(given.seeds, given.epochs)
    elif given.source is None:
        parser.error("mednist needs the folder of its class folders")
    else:
        make_mednist(given.source, given.weights, given.seeds)


if __name__ == "__main__":
    main()
