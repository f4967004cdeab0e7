"""``results.csv`` and ``results.md``: numbers in percent with one decimal."""

import csv
import io

from nero_core.benchmark.records import BenchmarkResult, Figures, Interval, MethodResult
from nero_core.report.protocol import FIGURE_NAMES, MEANINGS, TIER_NAMES, TIER_WORDS, microseconds, percent, protocol

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute, were a class named so


def csv_table(result: BenchmarkResult) -> str:
    """One row for each method on all OOD images (``pooled``) and on each OOD class (``class``).

    A benchmark of image lists has one for each tier (``tier``) and list (``list``) against the ID list as well.

    Figures and their bounds are in percent, times in seconds and microseconds.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds = [f"{name}{bound}" for name in FIGURE_NAMES for bound in ("", "_low", "_high")]
    times = ["fit_seconds", "microseconds_per_image"]
    writer.writerow(["method", "family", "rank", "ood", "ood_class", "id_images", "ood_images", *bounds, *times])
    for method in result.methods:
        fit = "" if method.fit_seconds is None else f"{method.fit_seconds:.4f}"
        per_image = "" if method.seconds_per_image is None else f"{1e6 * method.seconds_per_image:.3f}"
        rows = [("pooled", "", result.id_size, result.ood_size, method.pooled)]
        for name, figures in method.per_class.items():
            rows.append(("class", name, result.id_size, result.ood_classes[name], figures))
        rows += _tier_rows(result, method)
        for kind, name, ids, images, figures in rows:
            writer.writerow(
                [
                    *(method.method, method.family, method.rank, kind, _cell(name), ids, images),
                    *_bounds(figures),
                    *(fit, per_image),
                ]
            )
    return text.getvalue()


def markdown(result: BenchmarkResult) -> str:
    """The table, the AUROC of each OOD class, the tiers, the methods left out, and the protocol."""
    heads = ["rank", "method", "family", *FIGURE_NAMES.values(), "µs an image"]
    lines = [f"# Benchmark: {_escaped(result.bundle_title)}", "", "In percent, with 95 % intervals.", ""]
    lines += _table(heads, [_row(method) for method in result.methods])
    names = [name for name, count in result.ood_classes.items() if count]
    rows = [[method.method, *(percent(method.per_class[name].auroc) for name in names)] for method in result.methods]
    lines += ["", "## AUROC of each OOD class", "", *_table(["method", *names], rows)]
    if result.tiers:
        lines += ["", "## Tiers, as OpenMIBOOD measures them", "", TIER_WORDS, "", *_tier_table(result)]
        names = list(result.tiers.lists)
        rows = [[method.method, *(percent(method.lists[name].auroc) for name in names)] for method in result.methods]
        lines += ["", "AUROC of each list against the ID list:", "", *_table(["method", *names], rows)]
    if result.skipped:
        lines += ["", "## Left out", ""]
        lines += [f"- {_escaped(method.method)}: {_escaped(method.reason)}" for method in result.skipped]
    lines += ["", "## What the figures mean", ""]
    lines += [f"- **{FIGURE_NAMES[name]}**: {meaning}" for name, meaning in MEANINGS.items()]
    lines += ["", "## Protocol", ""]
    lines += [f"- **{heading}.** {_escaped(sentence)}" for heading, sentence in protocol(result)]
    return "\n".join(lines) + "\n"


def _tier_rows(result: BenchmarkResult, method: MethodResult) -> list[tuple[str, str, int, int, Figures]]:
    if result.tiers is None:
        return []
    counts, ids = {**result.id_classes, **result.ood_classes}, result.id_list_size
    rows = [
        ("tier", tier, ids, sum(counts[name] for name in lists), method.tiers[tier])
        for tier, lists in result.tiers.items()
    ]
    return rows + [("list", name, ids, counts[name], method.lists[name]) for name in result.tiers.lists]


def _tier_table(result: BenchmarkResult) -> list[str]:
    """A row for each method and tier, with all figures."""
    assert result.tiers is not None
    tiers = [tier for tier, _ in result.tiers.items()]
    rows = []
    for method in result.methods:
        for tier in tiers:
            figures = dict(method.tiers[tier].items())
            rows.append([method.method, TIER_NAMES[tier], *(percent(figures[name]) for name in FIGURE_NAMES)])
    return _table(["method", "tier", *FIGURE_NAMES.values()], rows)


def _row(method: MethodResult) -> list[str]:
    figures = dict(method.pooled.items())
    cells = [percent(figures[name]) for name in FIGURE_NAMES]
    return [str(method.rank), method.method, method.family, *cells, microseconds(method.seconds_per_image)]


def _bounds(figures: Figures) -> list[str]:
    named = dict(figures.items())
    return [f"{100 * value:.1f}" for name in FIGURE_NAMES for value in _values(named[name])]


def _values(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(_escaped(cell) if cell != "---" else cell for cell in line) + " |" for line in lines]


def _escaped(text: str) -> str:
    """Text of others on one line, without Markdown or HTML of its own."""
    line = " ".join(text.split())
    for character in "\\`*_[]|#":
        line = line.replace(character, f"\\{character}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
