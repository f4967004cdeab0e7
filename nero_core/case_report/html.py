"""The description as one HTML page that stands alone: no network, no script."""

from html import escape
from importlib.resources import files

from nero_core.case_report.letters import visible
from nero_core.case_report.records import Case, CaseReport, Facts, Map, Neighbour, Overview, Plot, Row, Similar
from nero_core.case_report.words import (
    BRACKETS,
    answered,
    colour,
    dimmed,
    made_on,
    review_facts,
    row_symbol,
    rows,
    tally,
)
from nero_core.figures.render import data_uri
from nero_core.figures.verdict_words import SYMBOL

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def html_report(report: CaseReport) -> bytes:
    """The report as HTML, UTF-8. Every word of others is escaped and kept from turning the text around it; the policy
    in its head lets no script run and nothing be fetched."""
    style = files("nero_core.case_report").joinpath("report.css").read_text("utf-8")
    cases = "\n".join(_case(case, place, report) for place, case in enumerate(report.cases))
    body = _summary(report) + cases
    limits = report.limits if "[U+" not in body else (*report.limits, BRACKETS)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}\n"
        f'<section class="closing"><h2>What answered, and its limits</h2><div>{_facts(answered(report))}'
        f"<div>{''.join(f'<p>{_safe(line)}</p>' for line in limits)}</div></div></section>\n"
        "</main>\n</body>\n</html>\n"
    ).encode("utf-8", errors="replace")


def _summary(report: CaseReport) -> str:
    listed = rows(report)
    if not listed and report.overview is None:
        return ""
    names = ("", "Image", "Verdict", "Predicted", "p", "Review")
    heads = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(map(_row, listed))
    table = f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>" if listed else ""
    left_out = f"<h2>Not in this report</h2>{_facts(report.left_out)}" if report.left_out else ""
    front = f"<p>{escape(tally(report))}</p>" if report.overview is None else _front(report.overview)
    return f"<article>{_head(report)}<h1>{escape(report.title)}</h1>{front}\n{table}{left_out}</article>\n"


def _front(overview: Overview) -> str:
    pages = f"<p>{escape(overview.pages)}</p>" if overview.pages else ""
    return (
        f"{_facts(overview.facts)}<h2>Sign-off</h2><p>{escape(overview.open)}</p>"
        f"{_facts(overview.readers) if overview.readers else ''}{_notes(overview.text)}{pages}"
    )


def _row(row: Row) -> str:
    symbol, tint = row_symbol(row)
    name = _safe(row.name)
    linked = name if row.case is None else f'<a href="#case{row.case + 1}">{name}</a>'
    return (
        f'<tr><td class="number">{row.place}</td><td>{linked}</td>'
        f'<td><span style="color:{tint}" aria-hidden="true">{symbol}</span> {_safe(row.says)}</td>'
        f'<td>{_safe(row.predicted)}</td><td class="number">{escape(row.p_value)}</td>'
        f"<td>{_safe(row.review)}</td></tr>\n"
    )


def _case(case: Case, place: int, report: CaseReport) -> str:
    symbol = f'<span style="color:{colour(case.verdict)}" aria-hidden="true">{SYMBOL[case.verdict]}</span>'
    reviews = "".join(f"<h2>Review</h2>{_facts(review_facts(review))}" for review in case.reviews)
    maps = f'<div class="maps">{"".join(map(_map, case.maps))}</div>\n' if case.maps else ""
    missing = f"<p><small>{_safe(case.missing)}</small></p>\n" if case.missing else ""
    return (
        f'<article id="case{place + 1}">{_head(report)}<h1>{symbol} {escape(case.headline)}</h1>'
        f"<p>{escape(case.advice)}</p>\n<dl><dt>Image</dt><dd>{_safe(case.name)}</dd>"
        f"<dt>sha256</dt><dd><small>{escape(case.image_id)}</small></dd></dl>\n"
        f"{missing}{maps}"
        f'<div class="numbers"><div><h2>In numbers</h2>{_facts(case.facts, dimmed(case))}</div>'
        f"{_plot(case.histogram)}</div>\n"
        f"{_plot(case.channels)}\n{_similar(case.similar)}{_notes(case.text)}{reviews}</article>"
    )


def _notes(text: str) -> str:
    return f'<h2>Notes</h2><p class="text">{_safe(text.strip())}</p>' if text.strip() else ""


def _similar(similar: Similar | None) -> str:
    if similar is None:
        return ""
    pictures = "".join(map(_neighbour, similar.neighbours))
    row = f'<div class="similar">{pictures}</div>' if pictures else ""
    return f"<h2>Similar reference images</h2>{row}<p><small>{escape(similar.says)}</small></p>\n"


def _neighbour(item: Neighbour) -> str:
    alt = f"Reference image of {item.name}, at a distance of {item.distance}"
    shown = "<p>no picture</p>"
    if item.picture:
        shown = f'<img alt="{escape(visible(alt))}" src="{data_uri(item.picture, "jpeg")}">'
    return f"<figure>{shown}<figcaption>{_safe(item.name)} {escape(item.distance)}</figcaption></figure>"


def _head(report: CaseReport) -> str:
    return f'<p class="head"><span>NERO · {escape(report.title)}</span><span>{escape(made_on(report))}</span></p>'


def _map(item: Map) -> str:
    scale = ""
    if item.scale is not None:
        ends = "".join(f"<span>{escape(end)}</span>" for end in item.scale.ends)
        scale = (
            f'<img class="scale" alt="Colours of the map" src="{data_uri(item.scale.picture)}">'
            f'<span class="ends">{ends}</span>'
        )
    return (
        f'<figure><h2>{escape(item.title)}</h2><img alt="{escape(item.title)}" src="{data_uri(item.picture, "jpeg")}">'
        f"{scale}<figcaption>{_safe(item.caption)}</figcaption></figure>"
    )


def _plot(item: Plot | None) -> str:
    if item is None:
        return ""
    shown = f'<img alt="{escape(visible(item.alt))}" src="{data_uri(item.picture, "svg+xml")}">'
    return f'<figure class="plot"><h2>{escape(item.title)}</h2>{shown}</figure>'


def _facts(facts: Facts, grey: str = "") -> str:
    rows = "".join(
        f"<dt>{_safe(name)}</dt><dd{' class=grey' if name == grey else ''}>{_safe(says)}</dd>" for name, says in facts
    )
    return f"<dl>{rows}</dl>"


def _safe(text: str) -> str:
    """Words of others: escaped, nothing unseen in them, and a direction of their own."""
    return f"<bdi>{escape(visible(text))}</bdi>"
