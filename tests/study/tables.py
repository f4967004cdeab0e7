"""The tables of every method: ``python -m tests.study.tables [--polyps FOLDER]`` measures and writes them.

Each case is one ``nero benchmark``; a table has the mean over the seeds and their standard deviation. The tables are
written into ``docs/benchmark.md`` between their marks.
"""

import argparse
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from nero_core.atomic import write_text
from nero_core.benchmark import BenchmarkResult, read_result
from nero_core.datasets.prepare_lock import release, take
from nero_core.detectors import DETECTORS
from tests.study.cases import Case, cases, nero

PAGE = Path("docs/benchmark.md")
BEST = 8  # rows of a table beside the project's own and the peers
PEERS = ("knn", "vim", "mahalanobis", "mahalanobis_pp")  # those that the project's own are compared with
NEURONS = {"resnet18": 512, "deit_tiny_patch16_224": 192, "tf_efficientnet_lite0": 1280}


def main() -> None:
    """Measure every case and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polyps", type=Path, help="folder with one subfolder of real colonoscopy frames")
    given = parser.parse_args()
    families: dict[str, list[BenchmarkResult]] = defaultdict(list)
    for case in cases(given.polyps):
        families[case.family].append(measured(case))
    for family, results in families.items():
        write(family, table(results))
    if families:
        write("summary", summary(families))


def measured(case: Case) -> BenchmarkResult:
    """The benchmark of a case; its cache makes a second call cheap."""
    nero("benchmark", case.bundle, "--id", case.id, "--ood", case.ood, "--out", case.out, "--seed", case.seed)
    return read_result(case.out / "results.json")


def table(results: Sequence[BenchmarkResult]) -> str:
    """One row for each of the best methods, our own and the peers: mean ± standard deviation over seeds, in percent."""
    figures: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    reasons: dict[str, str] = {}
    for result in results:
        for entry in result.methods:
            shares = (entry.pooled.auroc, entry.pooled.fpr95_id_positive, entry.pooled.fpr95_ood_positive)
            figures[entry.method].append(tuple(100 * share.value for share in shares))
        reasons |= {skipped.method: skipped.reason for skipped in result.skipped}
    rows = sorted(figures.items(), key=lambda row: -statistics.fmean(figure[0] for figure in row[1]))
    accuracy = [100 * result.id_accuracy for result in results]
    first = results[0]
    sizes = f"each {first.fit_images} fit, {first.id_size} ID test and {first.ood_size} OOD images"
    lines = [
        f"{len(results)} seeds; {sizes} ({', '.join(first.ood_classes)}). ID accuracy {spread(accuracy)} %.",
        "",
        "| Method | Family | AUROC | FPR95 (ID positive) | FPR95 (OOD positive) |",
        "|---|---|---|---|---|",
    ]
    shown = [row for row in rows if row in rows[:BEST] or row[0].startswith("nero") or row[0] in PEERS]
    for method, per_seed in shown:
        cells = " | ".join(spread(values) for values in zip(*per_seed, strict=True))
        name = f"**{method}**" if method.startswith("nero") else method
        name += "" if len(per_seed) == len(results) else f" ({len(per_seed)} of {len(results)} seeds)"
        lines.append(f"| {name} | {DETECTORS[method].family} | {cells} |")
    if len(rows) > len(shown):
        lines.append(f"\n{len(rows) - len(shown)} more methods are not among the {BEST} best.")
    lines += [f"\nLeft out: {method}. {reason}" for method, reason in reasons.items() if method not in figures]
    return "\n".join(lines)


def summary(families: dict[str, list[BenchmarkResult]]) -> str:
    """NERO, NERO+ and their peers on every set, their mean where all of them fit, and NERO+ against the best peer."""
    methods = ("nero", "nero_plus", *PEERS)
    lines = [
        f"| Set and classifier | fit images, neurons | {' | '.join(methods)} | NERO+ − best peer | best of all |",
        "|---|---|" + "---|" * (len(methods) + 2),
    ]
    common: list[dict[str, tuple[float, float]]] = []
    margins = []
    for family, results in families.items():
        by_method = {name: figure for name in DETECTORS if (figure := mean_figures(results, name)) is not None}
        cells = [
            f"{by_method[name][0]:.1f} / {by_method[name][1]:.1f}" if name in by_method else "–" for name in methods
        ]
        margins.append(by_method["nero_plus"][0] - max(by_method[name][0] for name in PEERS if name in by_method))
        best = max(by_method, key=lambda name: by_method[name][0])
        size = f"{results[0].fit_images}, {NEURONS[results[0].arch]}"
        lines.append(
            f"| {family} | {size} | {' | '.join(cells)} | {margins[-1]:+.1f} | {best} {by_method[best][0]:.1f} |"
        )
        if all(name in by_method for name in methods):
            common.append({name: by_method[name] for name in methods})
    means = [[statistics.fmean(figures[name][index] for figures in common) for index in (0, 1)] for name in methods]
    overall = " | ".join(f"**{auroc:.1f} / {fpr:.1f}**" for auroc, fpr in means)
    ahead = means[1][0] - max(mean[0] for mean in means[2:])
    lines.append(f"| **mean of the {len(common)} sets that all fit** | | {overall} | **{ahead:+.1f}** | |")
    lead = f"{statistics.fmean(margins):+.1f} on average, {min(margins):+.1f} at worst"
    lines += ["", f"AUROC of NERO+ less that of the best peer of each set: {lead}."]
    return "\n".join(lines)


def mean_figures(results: Sequence[BenchmarkResult], name: str) -> tuple[float, float] | None:
    """Mean AUROC and FPR95 (ID positive) of a method in percent; None where a seed lacks it."""
    pooled = [figures.pooled for result in results for figures in result.methods if figures.method == name]
    if len(pooled) < len(results):
        return None
    return (
        100 * statistics.fmean(figures.auroc.value for figures in pooled),
        100 * statistics.fmean(figures.fpr95_id_positive.value for figures in pooled),
    )


def spread(values: Sequence[float]) -> str:
    """``mean ± standard deviation``."""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{deviation}"


def write(name: str, text: str, place: Path | None = None) -> None:
    """Show a table and put it between its marks on a page, by default the benchmark's.

    Programs that measure side by side may write into one page: each waits for the other, reads the page as it is then
    and puts the new one in its place whole.
    """
    print(f"\n## {name}\n\n{text}\n", flush=True)
    place = place or PAGE
    marks = f"<!-- table: {name} -->", "<!-- end -->"
    pattern = re.compile(f"{re.escape(marks[0])}.*?{marks[1]}", re.DOTALL)
    with _alone(place.with_name(f".{place.name}.lock")):
        page = place.read_text(encoding="utf-8")
        if not pattern.search(page):
            raise SystemExit(f"Expected the mark {marks[0]} in {place}. Found none. Add it where the table belongs.")
        write_text(place, pattern.sub(lambda _: f"{marks[0]}\n{text}\n{marks[1]}", page))


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other program holds the file; where the system knows no locks, until nothing."""
    while (handle := take(lock)) is None:
        time.sleep(0.05)
    try:
        yield
    finally:
        release(handle, lock)


if __name__ == "__main__":
    main()
