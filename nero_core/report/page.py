"""``results.html``: one page that stands alone. It asks no network for anything and runs no code but its own."""

import base64
import hashlib
from html import escape
from importlib.resources import files

from nero_core.benchmark.records import BenchmarkResult, Interval, MethodResult
from nero_core.report.charts import histogram_chart, roc_chart
from nero_core.report.protocol import (
    FALLING,
    FIGURE_NAMES,
    MEANINGS,
    TIER_FIGURES,
    TIER_NAMES,
    TIER_WORDS,
    microseconds,
    percent,
    protocol,
)

SHOWN = 5  # curves at the start; NERO is one of them wherever it stands


def page(result: BenchmarkResult) -> str:
    """The whole page. Every name from outside is escaped; the policy in its head lets no other script run."""
    style, script = (files("nero_core.report").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    title = escape(f"Benchmark: {result.bundle_title}")
    parts = (
        _head(result),
        _table(result),
        _tiers(result),
        _left_out(result),
        _plots(result),
        _heat(result),
        _words(result),
        "<footer>Made by nero benchmark. Research and teaching; not a medical device.</footer>",
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n</main>\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _head(result: BenchmarkResult) -> str:
    best = " and ".join(method.method for method in result.methods if method.rank == 1)
    facts = (
        (best, f"highest AUROC, {100 * result.methods[0].pooled.auroc.value:.1f}\u00a0%"),
        (f"{result.id_size} · {result.ood_size}", "ID · OOD images"),
        (f"{len(result.methods)}", f"methods, fitted on {result.fit_images} ID images"),
        (f"{result.id_accuracy:.1%}", "of ID images classified right"),
    )
    items = "".join(f"<li><b>{escape(value)}</b><span>{escape(words)}</span></li>" for value, words in facts)
    lead = escape(f"{result.arch} · ID from {result.id_name} · OOD from {result.ood_name}")
    return f'<h1>{escape(result.bundle_title)}</h1>\n<p class="soft">{lead}</p>\n<ul class="facts">{items}</ul>'


def _table(result: BenchmarkResult) -> str:
    heads = [("rank", "text", "ascending"), ("method", "text", "ascending"), ("family", "text", "ascending")]
    heads += [(title, "", "ascending" if name in FALLING else "descending") for name, title in FIGURE_NAMES.items()]
    heads += [("µs an image", "", "ascending"), ("fit, s", "", "ascending")]
    cells = "".join(
        f'<th scope="col" class="{kind}" data-first="{first}"{_sorted(title)}>'
        f'<button type="button">{title}</button></th>'
        for title, kind, first in heads
    )
    rows = "\n".join(_row(method) for method in result.methods)
    return (
        "<h2>Every method on the same images</h2>\n"
        '<p class="soft">In percent over all OOD images, with 95 % intervals. Long blue bars are good, long orange '
        "bars are bad. A heading sorts.</p>\n"
        f'<div class="wide"><table class="sortable"><thead><tr>{cells}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>'
        "</div>"
    )


def _sorted(title: str) -> str:
    return ' aria-sort="ascending"' if title == "rank" else ""


def _row(method: MethodResult) -> str:
    figures = dict(method.pooled.items())
    cells = "".join(_bar(figures[name], name in FALLING) for name in FIGURE_NAMES)
    fit = ("", "") if method.fit_seconds is None else (f"{method.fit_seconds:.6g}", f"{method.fit_seconds:.3f}")
    per_image = "" if method.seconds_per_image is None else f"{method.seconds_per_image:.9g}"
    return (
        f'<tr{" class=nero" if method.method.startswith("nero") else ""}><td data-v="{method.rank}">{method.rank}</td>'
        f'<th scope="row">{escape(method.method)}</th><td class="text">{escape(method.family)}</td>{cells}'
        f'<td data-v="{per_image}">{microseconds(method.seconds_per_image)}</td>'
        f'<td data-v="{fit[0]}">{fit[1]}</td></tr>'
    )


def _bar(figure: Interval, falls: bool) -> str:
    return (
        f'<td class="bar{" falls" if falls else ""}" data-v="{figure.value:.9g}"><b>{100 * figure.value:.1f}</b>'
        f"<small>{100 * figure.low:.1f}–{100 * figure.high:.1f}</small>"
        f'<i><i style="--v:{100 * figure.value:.1f}%"></i></i></td>'
    )


def _left_out(result: BenchmarkResult) -> str:
    if not result.skipped:
        return ""
    items = "".join(f"<dt>{escape(skipped.method)}</dt><dd>{escape(skipped.reason)}</dd>" for skipped in result.skipped)
    return f"<h2>Left out</h2>\n<dl>{items}</dl>"


def _plots(result: BenchmarkResult) -> str:
    shown = [index for index, method in enumerate(result.methods) if method.method == "nero"]
    shown += [index for index in range(len(result.methods)) if index not in shown][: SHOWN - len(shown)]
    boxes = "".join(
        f'<label><input type="checkbox" value="{index}"{" checked" if index in shown else ""}>'
        f'<span class="key c{index % 8} d{index // 8}"></span>{escape(method.method)}</label>'
        for index, method in enumerate(result.methods)
    )
    histograms = "\n".join(
        f'<figure data-m="{index}"><figcaption>{escape(method.method)} <span>AUROC '
        f"{100 * method.pooled.auroc.value:.1f}</span></figcaption>{histogram_chart(method)}</figure>"
        for index, method in enumerate(result.methods)
    )
    return (
        "<h2>ROC curves and scores</h2>\n"
        '<p class="soft">Choose methods. In the ROC chart, dashed lines mark 5 % of ID rejected and 95 % of OOD found: '
        "a curve's height on the first is 100 − FPR95 (ID positive), where it meets the second is FPR95 (OOD "
        'positive). The histograms show scores of <b style="color:var(--id)">● ID</b> and '
        '<b style="color:var(--ood)">◆ OOD</b> images, higher = more OOD; the dashed line accepts 95 % of ID.</p>\n'
        f'<fieldset class="choices" aria-label="Methods shown">{boxes}</fieldset>\n'
        f'<div class="plots">{roc_chart(result.methods)}<div class="histograms">{histograms}</div></div>'
    )


def _heat(result: BenchmarkResult) -> str:
    names = [name for name, count in result.ood_classes.items() if count]
    heads = "".join(f'<th scope="col">{escape(name)}<br>{result.ood_classes[name]} images</th>' for name in names)
    rows = "\n".join(
        f'<tr{" class=nero" if method.method.startswith("nero") else ""}><th scope="row">{escape(method.method)}</th>'
        + "".join(_heat_cell(method.per_class[name].auroc) for name in names)
        + "</tr>"
        for method in result.methods
    )
    return (
        "<h2>AUROC of each OOD class</h2>\n"
        '<p class="soft">One OOD class against all ID images, in percent; the deeper the blue, the better. White is '
        "guessing or worse. Point at a cell for its interval.</p>\n"
        f'<div class="wide"><table class="heat"><thead><tr><th scope="col">method</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _tiers(result: BenchmarkResult) -> str:
    if result.tiers is None:
        return ""
    tiers = [tier for tier, _ in result.tiers.items()]
    heads = "".join(
        f'<th scope="col">{TIER_NAMES[tier]}<br>{FIGURE_NAMES[name]}</th>' for tier in tiers for name in TIER_FIGURES
    )
    rows = "\n".join(
        f'<tr{" class=nero" if method.method.startswith("nero") else ""}><th scope="row">{escape(method.method)}</th>'
        + "".join(_tier_cells(method, tier) for tier in tiers)
        + "</tr>"
        for method in result.methods
    )
    return (
        f'<h2>Tiers, as OpenMIBOOD measures them</h2>\n<p class="soft">{TIER_WORDS}</p>\n'
        f'<div class="wide"><table class="heat"><thead><tr><th scope="col">method</th>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _tier_cells(method: MethodResult, tier: str) -> str:
    figures = dict(method.tiers[tier].items())
    if tier == "csid":  # whether a method should react to the shift is for the reader to say: no colour
        return "".join(
            f'<td title="{percent(figures[name])}">{100 * figures[name].value:.1f}</td>' for name in TIER_FIGURES
        )
    return "".join(_heat_cell(figures[name], name in FALLING) for name in TIER_FIGURES)


def _heat_cell(figure: Interval, falls: bool = False) -> str:
    good = 1 - figure.value if falls else figure.value
    depth = max(2 * good - 1, 0) * 0.55  # at most 55 %, so that the number stays readable on it
    return f'<td style="--a:{depth:.2f}" title="{percent(figure)}">{100 * figure.value:.1f}</td>'


def _words(result: BenchmarkResult) -> str:
    meanings = "".join(f"<dt>{FIGURE_NAMES[name]}</dt><dd>{escape(text)}</dd>" for name, text in MEANINGS.items())
    words = "".join(f"<dt>{escape(heading)}</dt><dd>{escape(text)}</dd>" for heading, text in protocol(result))
    settings = "".join(
        f"<dt>{escape(method.method)}</dt><dd>"
        + escape(", ".join(f"{name} {_setting(value)}" for name, value in method.hyper.items()) or "none")
        + "</dd>"
        for method in result.methods
    )
    return (
        f"<h2>What the figures mean</h2>\n<dl>{meanings}</dl>\n<h2>Protocol</h2>\n<dl>{words}</dl>\n"
        f"<h2>Settings</h2>\n<dl>{settings}</dl>"
    )


def _setting(value: object) -> str:
    return (
        "chosen from the bank or the head"
        if value is None
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
