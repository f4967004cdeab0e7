"""What each depth adds to ``nero_deep``: ``python -m tests.study.depth [--bundle B …] [--per-class 40] [--seed 5]``.

Draws phantoms of a seed that nothing was made on, and scores them with parts of the method: the last stage alone, its
features or its relevance alone, each stage before it, all of them; and with peers. Every variant is fitted on the
bundle's fit bank, all but the peers by ``fit_tied_gaussian`` and in units of the fit images' log distances.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core import Inspector
from nero_core.calibration.feature_bank import FeatureBank, detector_input, fitted_detector
from nero_core.calibration.held_out import observe_images
from nero_core.data.folders import read_folder
from nero_core.detectors.base import unit_length
from nero_core.detectors.nero_plus import decision_vector
from nero_core.detectors.tied_gaussian import fit_tied_gaussian
from nero_core.errors import CalibrationError
from nero_core.phantom.drawing import CLASSES, ID_CLASSES, write_phantoms
from nero_core.types import Head
from tests.study.ablation import figures
from tests.study.tables import write

BUNDLES = ("phantom-efficientnet-lite0", "phantom-resnet18", "phantom-deit")
PEERS = ("nero", "nero_plus", "mahalanobis", "mahalanobis_pp", "mds_ensemble", "residual", "vim", "knn")
FEATURES, RELEVANCE, BOTH = "last stage, features alone", "last stage, relevance alone", "last stage alone"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it into the page where the demo bundles are measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, action="append", help="the demo bundles where none is named")
    parser.add_argument("--per-class", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args(arguments)
    bundles = asked.bundle or [Path("assets/bundles") / name for name in BUNDLES]
    with tempfile.TemporaryDirectory() as scratch:
        write_phantoms(Path(scratch), per_class=asked.per_class, size=224, seed=asked.seed, classes=CLASSES)
        columns = {bundle.name: measured(Inspector.load(bundle), Path(scratch)) for bundle in bundles}
    text = table(columns, asked.per_class)
    if asked.bundle:
        print(text)
    else:
        write("depth", text)


def measured(inspector: Inspector, drawn: Path) -> dict[str, tuple[float, float]]:
    """AUROC and FPR95 (ID positive) of every variant, in percent, all lesions together against all ID phantoms."""
    bundle = inspector.bundle
    images = read_folder(drawn)
    bank = observe_images(bundle.classifier, images, "phantoms", lambda stage, done, total: None)
    inside = torch.tensor([images.classes[label] in ID_CLASSES for label in images.labels])
    scores = dict(parts(bundle.classifier.head, bundle.fit, bank))
    for name in PEERS:
        try:
            detector = fitted_detector(name, bundle.classifier.head, bundle.fit)
        except CalibrationError as error:
            print(f"{bundle.card.title}: {name} is left out. {error}", flush=True)
            continue
        scores[f"`{name}`"] = detector.predict_features(detector_input(detector, bank)).double().cpu()
    return {name: figures(values[inside], values[~inside]) for name, values in scores.items()}


def parts(head: Head, fit: FeatureBank, bank: FeatureBank) -> Mapping[str, Float[Tensor, " images"]]:
    """Score of every variant for the images of a bank."""
    exact, labels = head.float64(), fit.labels
    last = {
        FEATURES: unit_length,
        RELEVANCE: lambda x: decision_vector(x, exact, with_features=False),
        BOTH: lambda x: decision_vector(x, exact),
    }
    alone = {
        name: in_units(vector(fit.features.double()), labels, vector(bank.features.double()))
        for name, vector in last.items()
    }
    early = [
        in_units(unit_length(means.double()), labels, unit_length(bank.stages[name].double()))
        for name, means in fit.stages.items()
    ]
    before = torch.stack(early).sum(dim=0) if early else torch.zeros(len(bank), dtype=torch.float64)
    return {
        **alone,
        **{f"stage {number} alone": score for number, score in enumerate(early, 1)},
        "all stages before the last": before,
        "all stages, features alone": before + alone[FEATURES],
        "all stages = `nero_deep`": before + alone[BOTH],
    }


def in_units(
    fit: Float[Tensor, "fit columns"], labels: Int[Tensor, " fit"], x: Float[Tensor, "images columns"]
) -> Float[Tensor, " images"]:
    """``(log d − m) / σ`` as at one stage of ``NeroDeep``."""
    gaussian = fit_tied_gaussian(fit, labels)
    mean, deviation = gaussian.log_distance
    return (gaussian.distances(x).amin(dim=1).log() - mean) / deviation


def table(columns: Mapping[str, Mapping[str, tuple[float, float]]], per_class: int) -> str:
    """One row a variant, one column a bundle."""
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = [
            f"{column[name][0]:.1f} / {column[name][1]:.1f}" if name in column else "–" for column in columns.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lesions = len(CLASSES) - len(ID_CLASSES)
    counts = f"{per_class * len(ID_CLASSES)} ID phantoms and {per_class * lesions} of {lesions} lesions"
    return "\n".join([*lines, "", f"AUROC / FPR95 (ID positive); {counts}; – where a method cannot be fitted."])


if __name__ == "__main__":
    main()
