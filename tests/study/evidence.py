"""Where the evidence lies: ``python -m tests.study.evidence [BUNDLE …]`` measures and writes ``docs/evidence.md``.

Bundles may be measured side by side, each by a program of its own. Each bundle's tables are written between the marks
of its folder's name. The images are drawn for the study, from seeds of their own, so that no bundle has been trained,
calibrated or measured on them.
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
from nero_core.figures.render import smooth
from nero_core.phantom.drawing import OOD_CLASSES, Phantom, draw_phantom, encode_phantom
from nero_core.types import ImageBatch, Unlikeness
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


def main() -> None:
    """Measure every bundle and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*", default=find_bundles(BUNDLES))
    parser.add_argument("--per-class", type=int, default=40, help="images of each OOD class, for where evidence lies")
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
    why = inspector.explain(batch, concepts=0, composite=inspector.concept_composites[0])  # both maps by the same rules
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
