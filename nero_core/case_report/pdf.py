"""The description as PDF, set by Typst."""

import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nero_core.case_report.letters import families, font_files, spelled
from nero_core.case_report.records import Case, CaseReport, Facts, Map, Overview, Plot, Row, Similar
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
from nero_core.errors import NeroError
from nero_core.figures.verdict_words import SYMBOL
from nero_core.figures.wording import DISCLAIMER

if TYPE_CHECKING:
    from typst import PDFStandard

COLUMN, HEIGHT = 56, 43  # mm of a map, in report.typ
FONTS, TEMPLATE = "fonts", "report.typ"
_DATED: "list[PDFStandard]" = ["a-2a", "ua-1"]  # PDF/A asks for a date
_UNDATED: "list[PDFStandard]" = ["1.7"]


def pdf_report(report: CaseReport) -> bytes:
    """The report as PDF: tagged, its text as text, all fonts inside. With a date it is PDF/A-2a and PDF/UA-1.

    The same description gives the same bytes: file id and date come from it, and no font of the system plays a part.

    Raises:
        NeroError: it cannot be set, or a file of ``NERO_REPORT_FONTS`` is no font.
    """
    import typst

    inside: dict[str, bytes] = {}
    described = _described(report, inside)
    with tempfile.TemporaryDirectory(prefix="nero-report-") as name:
        folder = Path(name)
        _lay_out(folder, described, inside)
        try:
            made, warnings = typst.compile_with_warnings(
                folder / TEMPLATE,
                root=folder,
                font_paths=[folder / FONTS],
                ignore_system_fonts=True,
                format="pdf",
                pdf_standards=_UNDATED if report.made_on is None else _DATED,
                timestamp=0,  # of nothing that is printed: without it the clock would be asked
            )
        except typst.TypstError as error:
            raise _refusal(error.message) from error
    if warnings:  # a letter without a font would be left out in silence
        raise _refusal(warnings[0].message)
    assert isinstance(made, bytes)
    return made


def _lay_out(folder: Path, described: dict[str, Any], inside: dict[str, bytes]) -> None:
    """The template, what it reads, and the fonts: Typst takes folders of them, and ours holds no others."""
    fonts = folder / FONTS
    fonts.mkdir()
    for number, path in enumerate(font_files()):
        shutil.copyfile(path, fonts / f"{number}{path.suffix}")
    (folder / TEMPLATE).write_bytes(files("nero_core.case_report").joinpath(TEMPLATE).read_bytes())
    (folder / "report.json").write_text(json.dumps(described, ensure_ascii=False), "utf-8")
    for place, data in inside.items():
        (folder / place).write_bytes(data)


def _refusal(found: str) -> NeroError:
    return NeroError(f"Expected a report that can be set as PDF. Found: {found}. Make it as HTML, and tell us.")


def _described(report: CaseReport, inside: dict[str, bytes]) -> dict[str, Any]:
    """What the template reads; pictures go to ``inside``."""
    day = report.made_on
    described: dict[str, Any] = {
        "title": report.title,
        "date": None if day is None else {"year": day.year, "month": day.month, "day": day.day},
        "made_on": made_on(report),
        "overview": None if report.overview is None else _overview(report.overview),
        "count": tally(report),
        "cases": [_case(case, f"case{place}", inside) for place, case in enumerate(report.cases)],
        "rows": [_row(row) for row in rows(report)],
        "left_out": _spelled(report.left_out),
        "model": _spelled(answered(report)),
        "limits": list(report.limits),
        "disclaimer": DISCLAIMER,
    }
    if "[U+" in json.dumps(described):
        described["limits"].append(BRACKETS)
    return described | {"fonts": list(families())}


def _case(case: Case, place: str, inside: dict[str, bytes]) -> dict[str, Any]:
    return {
        "name": spelled(case.name),
        "image_id": case.image_id,
        "symbol": SYMBOL[case.verdict],
        "colour": colour(case.verdict),
        "headline": case.headline,
        "advice": case.advice,
        "facts": _spelled(case.facts),
        "dimmed": dimmed(case),
        "maps": [_map(item, f"{place}-map{index}", inside) for index, item in enumerate(case.maps)],
        "histogram": _plot(case.histogram, f"{place}-histogram.svg", inside),
        "channels": _plot(case.channels, f"{place}-channels.svg", inside),
        "similar": _similar(case.similar, place, inside),
        "text": spelled(case.text.strip()),
        "reviews": [_spelled(review_facts(review)) for review in case.reviews],
        "missing": case.missing,
    }


def _map(item: Map, place: str, inside: dict[str, bytes]) -> dict[str, Any]:
    inside[f"{place}.jpg"] = item.picture
    if item.scale is not None:
        inside[f"{place}.png"] = item.scale.picture
    return {
        "title": item.title,
        "picture": f"{place}.jpg",
        "caption": spelled(item.caption),
        "is_wide": item.aspect > COLUMN / HEIGHT,
        "scale": None if item.scale is None else f"{place}.png",
        "ends": [] if item.scale is None else list(item.scale.ends),
    }


def _plot(item: Plot | None, place: str, inside: dict[str, bytes]) -> dict[str, str] | None:
    if item is None:
        return None
    inside[place] = item.picture
    return {"title": item.title, "picture": place, "alt": spelled(item.alt)}


def _similar(similar: Similar | None, place: str, inside: dict[str, bytes]) -> dict[str, Any] | None:
    if similar is None:
        return None
    neighbours = []
    for index, item in enumerate(similar.neighbours):
        picture = f"{place}-similar{index}.jpg"
        if item.picture:
            inside[picture] = item.picture
        neighbours.append(
            {"picture": picture if item.picture else None, "name": spelled(item.name), "distance": item.distance}
        )
    return {"says": similar.says, "neighbours": neighbours}


def _overview(overview: Overview) -> dict[str, Any]:
    return {
        "name": spelled(overview.name),
        "facts": _spelled(overview.facts),
        "readers": _spelled(overview.readers),
        "open": overview.open,
        "pages": overview.pages,
        "text": spelled(overview.text.strip()),
    }


def _row(row: Row) -> dict[str, Any]:
    symbol, tint = row_symbol(row)
    written = {name: spelled(getattr(row, name)) for name in ("name", "says", "predicted", "p_value", "review")}
    return {"place": str(row.place), "symbol": symbol, "colour": tint, "case": row.case, **written}


def _spelled(facts: Facts) -> list[list[str]]:
    return [[spelled(name), spelled(says)] for name, says in facts]
