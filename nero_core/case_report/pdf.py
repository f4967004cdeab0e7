"""The description as PDF, set by Typst."""

import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nero_core.case_report.letters import families, font_files, spelled
from nero_core.case_report.records import Case, CaseReport, Facts, Map, Plot
from nero_core.case_report.words import BRACKETS, colour, dimmed, made_on, review_facts, summary, tally
from nero_core.errors import NeroError
from nero_core.figures.verdict_words import SYMBOL
from nero_core.figures.wording import DISCLAIMER

if TYPE_CHECKING:
    from typst import PDFStandard

COLUMN, HEIGHT = 56, 46  # mm of a map, in report.typ
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
        "count": tally(report),
        "cases": [_case(case, f"case{place}", inside) for place, case in enumerate(report.cases)],
        "summary": [_spelled_values(row) for row in summary(report)],
        "left_out": _spelled(report.left_out),
        "model": _spelled(report.model),
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
        "text": spelled(case.text.strip()),
        "review": None if case.review is None else _spelled(review_facts(case.review)),
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


def _plot(item: Plot, place: str, inside: dict[str, bytes]) -> dict[str, str]:
    inside[place] = item.picture
    return {"title": item.title, "picture": place, "alt": spelled(item.alt)}


def _spelled(facts: Facts) -> list[list[str]]:
    return [[spelled(name), spelled(says)] for name, says in facts]


def _spelled_values(row: dict[str, str]) -> dict[str, str]:
    return {name: spelled(value) for name, value in row.items()}
