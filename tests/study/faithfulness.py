"""Is the class heatmap faithful? ``python -m tests.study.faithfulness [BUNDLE …]`` measures and writes
``docs/evidence.md``.

Forward passes of changed images are nearly all of the time: 12 for each composite, for the plain gradient and for each
random order, with four steps a curve. Each image is written down when it is measured, and the same command goes on
where it was stopped. Phantoms are drawn from seeds of their own; real frames come from a folder and are only measured.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from nero_core import Inspector, find_bundles
from nero_core.explain.class_output import class_outputs, logit_gradient
from nero_core.explain.faithfulness import measure_faithfulness
from nero_core.phantom.drawing import ID_CLASSES, OOD_CLASSES, draw_phantom, encode_phantom
from nero_core.relevance.composites import COMPOSITES
from nero_core.types import Faithfulness
from tests.study import tables

PAGE = Path("docs/evidence.md")
BUNDLES = Path("assets/bundles")
BUILD = Path("build/study/faithfulness")
SEED = 8_000  # of the first phantom of a class; other studies and the demo draw from other numbers
STEPS = 4  # of a curve: 49 of 196 patches at a time
WITHIN = 0.1  # of what a map should sum to: it adds up
GRADIENT = "gradient"
HEADS = (
    "Class heatmap",
    "adds up",
    "gain in logits",
    "not weak by the logit",
    "not weak by the probability",
    "better than the gradient",
)


@dataclass(frozen=True)
class Figure:
    """One map in one image, by one output and one imputation; the plain gradient's map is one of them.

    Attributes:
        composite: of the map.
        output: which was followed.
        imputation: what stood in the place of a patch.
        gain: of the map's order.
        margin: up to which it is weak.
        gradient: gain of the plain gradient's order.
        conservation: sum of the map over what it should be; None of the plain gradient.
    """

    composite: str
    output: str
    imputation: str
    gain: float
    margin: float
    gradient: float
    conservation: float | None


@dataclass(frozen=True)
class Measured:
    """One image with all its figures."""

    name: str
    is_real: bool
    figures: tuple[Figure, ...]


def main() -> None:
    """Measure every bundle and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*", default=find_bundles(BUNDLES))
    parser.add_argument("--per-class", type=int, default=4, help="phantoms of each of the eight classes")
    parser.add_argument("--real", type=Path, help="folder of real endoscopy frames")
    parser.add_argument("--frames", type=int, default=32, help="real frames at most")
    parser.add_argument("--composites", nargs="*", help="names; all that suit where none is given")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    torch.set_num_threads(1)  # programs for several bundles may run side by side
    for path in given.bundles:
        inspector = Inspector.load(path, given.device)
        names = [name for name in inspector.composites if name in (given.composites or inspector.composites)]
        images = [*frames(given.real, given.frames), *phantoms(inspector, given.per_class)]
        measured = list(measure_all(inspector, images, names, BUILD / f"{path.name}.jsonl"))
        tables.write(f"{path.name} faithfulness", table(measured), PAGE)


def phantoms(inspector: Inspector, per_class: int) -> Iterator[tuple[str, bool, Path | bytes]]:
    """``per_class`` phantoms of each class, as JPEG files: name, whether it is real, file."""
    side = inspector.bundle.classifier.input_size[0]
    for index in range(per_class):
        for label in ID_CLASSES + OOD_CLASSES:
            seed = SEED + index
            yield f"{label} {seed}", False, encode_phantom(draw_phantom(label, seed, side))


def frames(folder: Path | None, count: int) -> list[tuple[str, bool, Path | bytes]]:
    """The last ``count`` files of a folder, by name."""
    files = [] if folder is None else sorted(file for file in folder.rglob("*") if file.is_file())
    return [(file.name, True, file) for file in files[len(files) - min(count, len(files)) :]]


def measure_all(
    inspector: Inspector,
    images: Sequence[tuple[str, bool, Path | bytes]],
    composites: Sequence[str],
    place: Path,
) -> Iterator[Measured]:
    """The figures of each image, from the file where they are in it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    lines = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
    known = {one.name: one for one in map(_read, lines)}
    for name, is_real, source in images:
        if name not in known:
            known[name] = Measured(name, is_real, measure(inspector, source, composites))
            with place.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(known[name])) + "\n")
            print(place.stem, name, flush=True)
        yield known[name]


def _read(line: str) -> Measured:
    record = json.loads(line)
    return Measured(record["name"], record["is_real"], tuple(Figure(**figure) for figure in record["figures"]))


def measure(inspector: Inspector, source: Path | bytes, composites: Sequence[str]) -> tuple[Figure, ...]:
    """One image; the random orders are the same for all maps."""
    batch, classifier = inspector.decode([source]), inspector.bundle.classifier
    explanations = {name: inspector.explain(batch, concepts=0, composite=name) for name in composites}
    target = next(iter(explanations.values())).explained_class
    by_composite = measure_faithfulness(
        class_outputs(classifier, target),
        batch.pixels,
        {name: why.heatmap for name, why in explanations.items()},
        logit_gradient(classifier, batch.pixels, target),
        target,
        steps=STEPS,
    )
    figures = [
        _figure(name, each, each.gain, explanations[name].conservation)
        for name, first in by_composite.items()
        for each in (first, *first.others)
    ]
    first = next(iter(by_composite.values()))
    figures += [_figure(GRADIENT, each, each.gradient_gain, None) for each in (first, *first.others)]
    return tuple(figures)


def _figure(name: str, each: Faithfulness, gain: float, conservation: float | None) -> Figure:
    return Figure(name, each.output, each.imputation, gain, each.margin, each.gradient_gain, conservation)


def table(measured: Sequence[Measured]) -> str:
    """One row a map; two figures in a cell are those with patches blurred away and with patches filled in."""
    real = sum(image.is_real for image in measured)
    names = dict.fromkeys(figure.composite for image in measured for figure in image.figures)
    lines = [f"{len(measured) - real} phantoms and {real} real frames.", "", f"| {' | '.join(HEADS)} |"]
    lines.append("|---" * len(HEADS) + "|")
    return "\n".join([*lines, *(row(name, [f for image in measured for f in image.figures]) for name in names)])


def row(name: str, figures: Sequence[Figure]) -> str:
    """A map's medians and shares over the images."""
    own = [figure for figure in figures if figure.composite == name]
    kept = [figure.conservation for figure in own if figure.conservation is not None]
    cells = [
        "the plain gradient" if name == GRADIENT else COMPOSITES[name].title,
        f"{statistics.fmean(abs(value - 1) <= WITHIN for value in kept):.0%}" if kept else "–",
        _two(own, "logit", lambda some: f"{statistics.median(figure.gain for figure in some):+.2f}"),
        _two(own, "logit", lambda some: _share(figure.gain > figure.margin for figure in some)),
        _two(own, "probability", lambda some: _share(figure.gain > figure.margin for figure in some)),
        "–" if not kept else _two(own, "logit", lambda some: _share(figure.gain > figure.gradient for figure in some)),
    ]
    return f"| {' | '.join(cells)} |"


def _two(figures: Sequence[Figure], output: str, says: Callable[[Sequence[Figure]], str]) -> str:
    """With patches blurred away / with patches filled in."""
    by_output = [figure for figure in figures if figure.output == output]
    return " / ".join(says([f for f in by_output if f.imputation == name]) for name in ("blur", "linear"))


def _share(is_so: Iterable[bool]) -> str:
    return f"{statistics.fmean(is_so):.0%}"


if __name__ == "__main__":
    main()
