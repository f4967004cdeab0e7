"""The PDF as other programs open it."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nero_core.case_report import Case, CaseReport, Review, describe_case, describe_report, html_report, pdf_report
from nero_core.case_report.letters import FONTS_VARIABLE
from nero_core.data.decode import Picture
from nero_core.figures import DISCLAIMER, SYNTHETIC
from nero_core.inspector import Inspector
from tests.nero_core.case_report.conftest import DAY, Named, Poppler
from tests.nero_core.case_report.test_letters import SCRIPT_D, STIX

MOST_BYTES = 3 * 2**20  # a case
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # which pdftotext writes around text from right to left
NAMES = {
    "latin": "Müller_7.png",
    "arabic": "تقرير المريض.png",
    "chinese": "报告.png",
    "emoji": "scan 😀🦠.png",
    "long": "a" * 116 + ".png",
    "spaced": "word " * 23 + ".png",
    "html": "<img src=x onerror=alert(1)>.png",
    "typst": '#panic("no") $x$ *b* @ref \\ `c`.png',
}


def words(text: str) -> str:
    """On one line, without marks of direction."""
    return " ".join(BIDI.sub("", text).split())


def letters(text: str) -> str:
    """Without spaces and hyphens, which pdftotext joins where a line ends in one."""
    return "".join(text.split()).replace("-", "")


def pages(poppler: Poppler, data: bytes) -> int:
    return int(re.search(r"Pages:\s+(\d+)", poppler("pdfinfo", data))[1])


def test_the_text_can_be_selected_and_has_words_numbers_and_digests(poppler: Poppler, report: CaseReport):
    text = words(poppler("pdftotext", pdf_report(report)))
    case = report.cases[0]
    for expected in (case.headline, case.advice, case.name, case.image_id, "2026-11-28", DISCLAIMER, SYNTHETIC):
        assert words(expected) in text
    for heading, says in (*case.facts, *report.model):
        assert words(heading) in text and words(says) in text
    for item in case.maps:
        assert item.title in text and letters(item.caption) in letters(text)
    assert words(case.similar.says) in text and len(case.similar.neighbours) == 5
    for item in case.similar.neighbours:
        assert letters(f"{item.name}{item.distance}") in letters(text)
    assert {"NERO", "NERO, all depths"} <= {heading for heading, _ in case.facts}
    assert "calibration, ID" in text and "feature channel:" in text  # of the plots


def test_one_case_is_one_page_with_notes_and_a_review(poppler: Poppler, named: Named):
    review = Review("Dr. Ada", "second look", "Repeat with dye.", "2026-11-28 10:12")
    data = pdf_report(named("a.png", text="First line.\nSecond <b>line</b>.", reviews=(review,)))
    assert pages(poppler, data) == 1
    text = poppler("pdftotext", data)
    assert "First line.\nSecond <b>line</b>." in text
    for expected in ("Dr. Ada", "second look", "Repeat with dye.", "2026-11-28 10:12"):
        assert expected in text


def test_a_page_is_drawn_with_its_pictures(poppler: Poppler, report: CaseReport, tmp_path: Path):
    poppler("pdftoppm", pdf_report(report), "-r", "40", "-gray", after=(str(tmp_path / "page"),))
    (page,) = tmp_path.glob("page*.pgm")
    with Image.open(page) as drawn:
        grey = np.asarray(drawn)
    assert grey.shape == (468, 331)  # A4
    inked = grey < 128
    assert 0.05 < inked.mean() < 0.5
    top, middle, bottom = (part.mean() for part in np.array_split(inked, 3))
    assert min(top, middle, bottom) > 0.005


@pytest.mark.parametrize("kind", NAMES)
def test_any_name_is_printed(poppler: Poppler, named: Named, kind: str):
    data = pdf_report(named(NAMES[kind]))
    assert pages(poppler, data) == 1
    text = BIDI.sub("", poppler("pdftotext", data))
    if kind == "chinese":
        assert "[U+62A5][U+544A].png" in text and "by its number in Unicode" in text
    elif kind == "emoji":
        assert "scan 😀[U+1F9A0].png" in text
    else:
        assert "".join(NAMES[kind].split()) in "".join(text.split())
        assert "[U+" not in text


def test_a_long_name_stays_on_the_page(poppler: Poppler, named: Named):
    placed = poppler("pdftotext", pdf_report(named(NAMES["long"])), "-bbox")
    edges = [float(edge) for edge in re.findall(r'xMax="([\d.]+)"', placed)]
    assert max(edges) < 595.3 - 40  # points: A4 less its margin


def test_every_font_is_inside(poppler: Poppler, named: Named):
    listed = poppler("pdffonts", pdf_report(named("مرحبا 😀.png"))).splitlines()[2:]
    assert listed
    for line in listed:
        assert "DejaVuSans" in line and re.search(r"yes\s+yes\s+yes", line)  # embedded, a subset, with its Unicode


def test_a_font_that_the_operator_names_prints_what_ours_lacks(
    poppler: Poppler, named: Named, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(FONTS_VARIABLE, str(STIX))
    data = pdf_report(named(f"{SCRIPT_D}.png"))
    assert f"{SCRIPT_D}.png" in poppler("pdftotext", data)
    assert "STIXGeneral" in poppler("pdffonts", data)


def test_the_same_description_gives_the_same_bytes(inspector: Inspector, picture: Picture, report: CaseReport):
    again = describe_report(inspector, [describe_case(inspector, picture)], DAY)
    assert again == report
    assert pdf_report(again) == pdf_report(report)
    assert html_report(again) == html_report(report)


def test_a_dated_report_is_pdf_a_with_this_date_alone(poppler: Poppler, report: CaseReport):
    data = pdf_report(report)
    assert b"<pdfaid:part>2</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>" in data
    assert b"<pdfuaid:part>1</pdfuaid:part>" in data
    assert set(re.findall(rb"D:(\d{8})|Date>([^<]{10})", data)) == {(b"20261128", b""), (b"", b"2026-11-28")}


def test_an_undated_report_has_no_date_at_all(poppler: Poppler, report: CaseReport):
    data = pdf_report(replace(report, made_on=None))
    assert not re.search(rb"CreationDate|ModDate|CreateDate|pdfaid:part", data)
    assert "undated" in poppler("pdftotext", data)


def test_a_large_noisy_image_stays_small(inspector: Inspector):
    noise = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    case = describe_case(inspector, Picture(noise, "0" * 64, "noise.png"))
    made = describe_report(inspector, [case], DAY)
    assert len(pdf_report(made)) < MOST_BYTES
    assert len(html_report(made)) < MOST_BYTES


def test_several_cases_have_a_table_before_them(poppler: Poppler, report: CaseReport, case: Case):
    others = tuple(replace(case, name=f"frame {place}.png") for place in range(3))
    several = replace(report, cases=others, left_out=(("broken.png", "Expected an image. Found text."),))
    data = pdf_report(several)
    assert pages(poppler, data) == 4
    first = words(poppler("pdftotext", data, "-l", "1", "-layout"))
    for place, item in enumerate(others, 1):
        assert f"{place} {item.name}" in first
    assert case.p_value in first and "need a look." in first
    assert "Not in this report" in first and "broken.png" in first and "Expected an image. Found text." in first
    assert "frame 2.png" in poppler("pdftotext", data, "-f", "4")
