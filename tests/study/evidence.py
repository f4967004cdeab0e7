"""Where the evidence lies: ``python -m tests.study.evidence [BUNDLE …]`` measures and writes ``docs/evidence.md``.

Forward passes of changed images are nearly all of the time: 262 for an image and four composites, 210 for two, at what
one core takes for a plain pass whatever the batch. Bundles may be measured side by side, each by a program of its own.
Each bundle's tables are written between the marks of its folder's name. The images are drawn for the study, from seeds
of their own, so that no bundle has been trained, calibrated or measured on them.
"""

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nero_core import Inspector, find_bundles
from nero_core.explain.class_output import logit_gradient
from nero_core.explain.faithfulness import measure_faithfulness
from nero_core.figures.render import smooth
from nero_core.phantom.drawing import ID_CLASSES, OOD_CLASSES, Phantom, draw_phantom, encode_phantom
from nero_core.relevance.composites import COMPOSITES
from nero_core.types import Faithfulness, ImageBatch, Unlikeness
from tests.study import tables

PAGE = Path("docs/evidence.md")
BUNDLES = Path("assets/bundles")
SEED = 7_000  # of the first image of a class; the next has the next number. The demo draws from other numbers
REPLICATES = 2_000
MAPS = {"evidence": "evidence", "heatmap": "class heatmap"}
PLACED_HEADS = (
    "Images",
    "n",
    "lesion's area",
    *(head for name in MAPS.values() for head in (f"{name} in the lesion", "over its area")),
    "evidence in mirrored lesions",
    "evidence, negative over positive",
    "NERO distance, median",
)
UNLIKE_HEADS = (
    "Images",
    "n",
    "lesion's area",
    "the map in the lesion, over its area",
    "over the mirrored lesions",
    "brightest point inside",
    "share that is unlike",
    "NERO's evidence, over the area",
)
FAITHFUL_HEADS = (
    "Composite",
    "images",
    "median gain, probability",
    "weak",
    "better than the gradient",
    "median gain, logit",
    "weak by the logit",
    "class heatmap in the lesion",
    "evidence in the lesion",
)


@dataclass(frozen=True)
class Placed:
    """One image: how much of each map's positive part lies in the lesion.

    Attributes:
        label: class that was drawn.
        area: share of the image that the lesion covers.
        unlike: the shares of the map of where the image is unlike, as it is shown; None where the bundle keeps no
            patches.
        inside: share of a map's positive part inside the lesion, by (map, "raw" or "shown").
        mirrored: the same for the lesion's three mirror images, on average: what a map gets for lying in the middle of
            the frame.
        negative: Σ|negative part| / Σ positive part of the evidence map, by "raw" or "shown".
        distance: NERO's distance to the nearest class.
        is_ood: whether NERO calls the image OOD.
    """

    label: str
    area: float
    inside: dict[tuple[str, str], float]
    mirrored: dict[tuple[str, str], float]
    negative: dict[str, float]
    distance: float
    is_ood: bool
    unlike: "Unlike | None" = None


@dataclass(frozen=True)
class Unlike:
    """One image: how the map of where it is unlike finds the lesion.

    Attributes:
        inside: share of the map in the lesion.
        mirrored: the same for the lesion's three mirror images, on average.
        peak: whether the brightest point lies in the lesion.
        share: share of the image that is unlike.
    """

    inside: float
    mirrored: float
    peak: bool
    share: float


@dataclass(frozen=True)
class Flipped:
    """One image: faithfulness of each composite's class heatmap, by the probability and by the logit.

    Attributes:
        label: class that was drawn.
        area: share of the image that the lesion covers.
        inside: share of the positive class heatmap and of the positive evidence in the lesion, as shown, by composite.
        probability: faithfulness to the probability of the predicted class, by composite.
        logit: the same to its logit.
    """

    label: str
    area: float
    inside: dict[str, tuple[float, float]]
    probability: dict[str, Faithfulness]
    logit: dict[str, Faithfulness]


def main() -> None:
    """Measure every bundle and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*", default=find_bundles(BUNDLES))
    parser.add_argument("--per-class", type=int, default=40, help="images of each OOD class, for where evidence lies")
    parser.add_argument("--faithful", type=int, default=3, help="images of each of the eight classes, for faithfulness")
    parser.add_argument("--only-unlike", action="store_true", help="the map of where it is unlike, and no other table")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    for path in given.bundles:
        inspector = Inspector.load(path, given.device)
        placed = [place(inspector, phantom) for phantom in drawn(inspector, OOD_CLASSES, given.per_class)]
        if placed[0].unlike is not None:
            tables.write(f"{path.name} unlike", unlike_table(placed), PAGE)
        if given.only_unlike:
            continue
        tables.write(path.name, placed_tables(placed), PAGE)
        flipped = [flip(inspector, phantom) for phantom in drawn(inspector, ID_CLASSES + OOD_CLASSES, given.faithful)]
        tables.write(f"{path.name} faithfulness", faithfulness_table(flipped), PAGE)


def drawn(inspector: Inspector, classes: Sequence[str], per_class: int) -> list[Phantom]:
    """``per_class`` phantoms of each class at the classifier's input size."""
    side = inspector.bundle.classifier.input_size[0]
    return [draw_phantom(label, SEED + index, side) for label in classes for index in range(per_class)]


def read(inspector: Inspector, phantom: Phantom) -> ImageBatch:
    """As a user's file is read: JPEG and all."""
    return inspector.decode([encode_phantom(phantom)])


def place(inspector: Inspector, phantom: Phantom) -> Placed:
    """Where the maps of one image lie."""
    batch = read(inspector, phantom)
    why = inspector.explain(batch, concepts=0)
    detection = inspector.detect(batch)["nero"]
    lesion = phantom.lesion
    signed = {
        (name, kind): np.asarray(heatmap if kind == "raw" else smooth(heatmap, why.sigma), dtype=np.float64)
        for name, heatmap in (("evidence", why.nero_evidence), ("heatmap", why.heatmap))
        for kind in ("raw", "shown")
    }
    maps = {key: positive(heatmap) for key, heatmap in signed.items()}
    mirrors = [lesion[::-1], lesion[:, ::-1], lesion[::-1, ::-1]]
    return Placed(
        label=phantom.label,
        area=float(lesion.mean()),
        inside={key: share(heatmap, lesion) for key, heatmap in maps.items()},
        mirrored={key: statistics.fmean(share(heatmap, mirror) for mirror in mirrors) for key, heatmap in maps.items()},
        negative={kind: negative_over_positive(signed["evidence", kind]) for kind in ("raw", "shown")},
        distance=float(detection.terms["distance"][0]),
        is_ood=bool(detection.is_ood[0]),
        unlike=None if why.unlike is None else find(why.unlike, lesion),
    )


def find(unlike: Unlikeness, lesion: NDArray[np.bool_]) -> Unlike:
    """How the map of where an image is unlike finds its lesion; an empty map finds nothing."""
    heatmap = positive(smooth(unlike.heatmap, unlike.sigma))
    mirrors = [lesion[::-1], lesion[:, ::-1], lesion[::-1, ::-1]]
    return Unlike(
        inside=share(heatmap, lesion),
        mirrored=statistics.fmean(share(heatmap, mirror) for mirror in mirrors),
        peak=bool(heatmap.any() and lesion.flat[heatmap.argmax()]),
        share=unlike.share,
    )


def positive(heatmap: Tensor | NDArray[np.floating]) -> NDArray[np.float64]:
    """The positive part of a map."""
    return np.maximum(np.asarray(heatmap, dtype=np.float64), 0)


def share(heatmap: NDArray[np.float64], lesion: NDArray[np.bool_]) -> float:
    """Share of a map that lies in the lesion; a map of zeros lies nowhere."""
    total = float(heatmap.sum())
    return float(heatmap[lesion].sum()) / total if total > 0 else 0.0


def negative_over_positive(heatmap: NDArray[np.float64]) -> float:
    """Σ|negative part| / Σ positive part of a signed map, in [0, ∞]; 0 for a map of zeros."""
    negative, total = float(positive(-heatmap).sum()), float(positive(heatmap).sum())
    if total > 0:
        return negative / total
    return math.inf if negative > 0 else 0.0


def flip(inspector: Inspector, phantom: Phantom) -> Flipped:
    """Faithfulness of every composite in one image; the random orders are the same for all of them."""
    batch = read(inspector, phantom)
    classifier = inspector.bundle.classifier
    explanations = {name: inspector.explain(batch, concepts=0, composite=name) for name in inspector.composites}
    target = next(iter(explanations.values())).explained_class
    gradient = logit_gradient(classifier, batch.pixels, target)
    maps = {name: why.heatmap for name, why in explanations.items()}
    passed: list[Tensor] = []

    def probability(pixels: Tensor) -> Tensor:
        passed.append(classifier.head.logits(classifier.features(pixels)))
        return passed[-1].softmax(dim=1)[:, target]

    by_probability = measure_faithfulness(probability, batch.pixels, maps, gradient, target)
    again = iter(passed)  # the same images in the same order: no second pass through the network
    by_logit = measure_faithfulness(lambda pixels: next(again)[:, target], batch.pixels, maps, gradient, target)
    return Flipped(
        label=phantom.label,
        area=float(phantom.lesion.mean()),
        inside={
            name: (
                share(positive(smooth(why.heatmap, why.sigma)), phantom.lesion),
                share(positive(smooth(why.nero_evidence, why.sigma)), phantom.lesion),
            )
            for name, why in explanations.items()
        },
        probability=by_probability,
        logit=by_logit,
    )


def placed_tables(placed: Sequence[Placed]) -> str:
    """A table for the maps as they are shown and one for the raw ones, each with the paired differences."""
    titles = {"shown": "Maps as they are shown, smoothed:", "raw": "Raw maps:"}
    return "\n\n".join(f"{title}\n\n{_placed_table(placed, kind)}" for kind, title in titles.items())


def unlike_table(placed: Sequence[Placed]) -> str:
    """Where the image is unlike, beside NERO's evidence, and the bars that the map was to reach."""
    rows = []
    for name, group in _groups(placed):
        area = np.array([image.area for image in group])
        inside = np.array([image.unlike.inside for image in group if image.unlike is not None])
        low, high = interval(lambda drawn, areas: drawn.mean(axis=1) / areas.mean(axis=1), inside, area)
        maps = [image.unlike for image in group if image.unlike is not None]
        older = statistics.fmean(image.inside["evidence", "shown"] for image in group) / area.mean()
        mirrored = statistics.fmean(one.mirrored for one in maps)
        cells = [
            name,
            str(len(group)),
            f"{100 * area.mean():.1f} %",
            f"×{inside.mean() / area.mean():.2f} ({low:.2f} to {high:.2f})",
            f"×{inside.mean() / mirrored:.2f}" if mirrored > 0 else "–",
            f"{statistics.fmean(one.peak for one in maps):.0%}",
            f"{100 * statistics.fmean(one.share for one in maps):.1f} %",
            f"×{older:.2f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    bars = "| *bar* | | | ×2.50 | ×1.60 | 65% | | |"
    return "\n".join([*header(UNLIKE_HEADS), *rows, bars])


def _placed_table(placed: Sequence[Placed], kind: str) -> str:
    rows = [_row(name, group, kind) for name, group in _groups(placed)]
    evidence, heatmap, mirrored = (
        np.array([values[name, kind] for values in shares])
        for name, shares in (
            ("evidence", [image.inside for image in placed]),
            ("heatmap", [image.inside for image in placed]),
            ("evidence", [image.mirrored for image in placed]),
        )
    )
    differences = (
        f"Of the map's positive part, all images: evidence less class heatmap {_points(evidence - heatmap)}; "
        f"evidence in the lesion less in its mirror images {_points(evidence - mirrored)}."
    )
    return "\n".join([*header(PLACED_HEADS), *rows, "", differences])


def header(heads: Sequence[str]) -> tuple[str, str]:
    """The header row of a table and the line below it."""
    return f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"


def faithfulness_table(flipped: Sequence[Flipped]) -> str:
    """One row a composite: gains on ID and OOD images, how often weak, and what its maps find of the lesion."""
    groups = {
        "ID": [image for image in flipped if image.label in ID_CLASSES],
        "OOD": [image for image in flipped if image.label in OOD_CLASSES],
    }
    contrast = statistics.median(abs(next(iter(image.probability.values())).contrast) for image in flipped)
    sizes = " and ".join(f"{len(group)} {name}" for name, group in groups.items())
    lines = [f"{sizes} images. Median change of the probability when all of the image is blurred: {contrast:.2f}.", ""]
    lines += header(FAITHFUL_HEADS)
    for name in (*flipped[0].probability, None):
        for kind, group in groups.items():
            lines.append(_composite_row(name, kind, group))
    return "\n".join(lines)


def _composite_row(name: str | None, kind: str, group: Sequence[Flipped]) -> str:
    """A row of the faithfulness table; without a name, that of the plain gradient."""
    first = next(iter(group[0].probability))
    by_probability = [image.probability[name or first] for image in group]
    by_logit = [image.logit[name or first] for image in group]
    if name is None:
        gains, logits = ([measured.gradient_gain for measured in some] for some in (by_probability, by_logit))
        better, lesion = "–", ("–", "–")
    else:
        gains, logits = ([measured.gain for measured in some] for some in (by_probability, by_logit))
        better = f"{statistics.fmean(measured.gain > measured.gradient_gain for measured in by_probability):.0%}"
        area = statistics.fmean(image.area for image in group)
        inside = [statistics.fmean(image.inside[name][place] for image in group) for place in (0, 1)]
        lesion = tuple(f"{100 * mean:.1f} % (×{mean / area:.2f})" for mean in inside) if area else ("–", "–")
    weak = statistics.fmean(gain <= measured.margin for gain, measured in zip(gains, by_probability, strict=True))
    # the minimum gain of the margin is one of a probability; for logits only the spread counts
    weak_logit = statistics.fmean(gain <= 2 * measured.spread for gain, measured in zip(logits, by_logit, strict=True))
    title = "plain gradient" if name is None else COMPOSITES[name].title
    low, high = interval(lambda drawn: np.median(drawn, axis=1), np.array(gains))
    return (
        f"| {title} | {kind} | {statistics.median(gains):+.3f} ({low:+.3f} to {high:+.3f}) | {weak:.0%} | {better} | "
        f"{statistics.median(logits):+.2f} | {weak_logit:.0%} | {lesion[0]} | {lesion[1]} |"
    )


def _groups(placed: Sequence[Placed]) -> list[tuple[str, list[Placed]]]:
    """Each class, all, and all by NERO's verdict."""
    by_class = [(label, [image for image in placed if image.label == label]) for label in OOD_CLASSES]
    by_verdict = [
        ("called OOD", [image for image in placed if image.is_ood]),
        ("accepted", [image for image in placed if not image.is_ood]),
    ]
    return [(name, group) for name, group in [*by_class, ("**all**", list(placed)), *by_verdict] if group]


def _row(name: str, group: Sequence[Placed], kind: str) -> str:
    area = np.array([image.area for image in group])
    cells = [name, str(len(group)), f"{100 * area.mean():.1f} %"]
    for heatmap in MAPS:
        inside = np.array([image.inside[heatmap, kind] for image in group])
        low, high = interval(lambda drawn: drawn.mean(axis=1), inside)
        cells.append(f"{100 * inside.mean():.1f} % ({100 * low:.1f} to {100 * high:.1f})")
        low, high = interval(lambda drawn, areas: drawn.mean(axis=1) / areas.mean(axis=1), inside, area)
        cells.append(f"×{inside.mean() / area.mean():.2f} ({low:.2f} to {high:.2f})")
    cells.append(f"{100 * statistics.fmean(image.mirrored['evidence', kind] for image in group):.1f} %")
    cells.append(f"{statistics.median(image.negative[kind] for image in group):.2f}")
    cells.append(f"{statistics.median(image.distance for image in group):.2f}")
    return f"| {' | '.join(cells)} |"


def _points(values: NDArray[np.float64]) -> str:
    low, high = interval(lambda drawn: drawn.mean(axis=1), values)
    return f"{100 * values.mean():+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def interval(
    statistic: Callable[..., NDArray[np.float64]], *columns: NDArray[np.float64], seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of a figure over images drawn again; a column has one value for each."""
    draws = np.random.default_rng(seed).integers(len(columns[0]), size=(REPLICATES, len(columns[0])))
    low, high = np.quantile(statistic(*(column[draws] for column in columns)), (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
