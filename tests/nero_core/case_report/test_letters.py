"""No letter becomes an empty box."""

from pathlib import Path

import matplotlib
import pytest

from nero_core.case_report.letters import FONTS_VARIABLE, families, spelled, visible
from nero_core.errors import NeroError

STIX = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
SCRIPT_D = "\U0001d49f"  # a mathematical script capital: STIX has it and DejaVu Sans lacks it


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain name.png", "plain name.png"),
        ("Zürich ñ Ж Ω", "Zürich ñ Ж Ω"),
        ("مرحبا", "مرحبا"),
        ("报告 7.png", "[U+62A5][U+544A] 7.png"),
        ("😀🦠", "😀[U+1F9A0]"),  # the first is in DejaVu Sans
        ("a\tb\r\nc", "a b \nc"),
        ("gp\u202ejpg.exe", "gp[U+202E]jpg.exe"),  # would turn the text around
        ("\x00\ud800", "[U+0000][U+D800]"),
        ("95\u00a0%", "95\u00a0%"),
    ],
)
def test_what_the_fonts_lack_or_nobody_sees_is_written_as_its_number(text: str, written: str):
    assert spelled(text) == written


def test_for_a_browser_only_what_nobody_sees_is_written_so():
    assert visible("报告 🦠 \u202eabc") == "报告 🦠 [U+202E]abc"


def test_the_operator_can_name_fonts_for_other_scripts(monkeypatch: pytest.MonkeyPatch):
    assert spelled(SCRIPT_D) == "[U+1D49F]"
    monkeypatch.setenv(FONTS_VARIABLE, str(STIX))
    assert spelled(SCRIPT_D) == SCRIPT_D
    assert families() == ("DejaVu Sans", "STIXGeneral")


def test_a_font_that_is_none_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "no.ttf").write_text("no font")
    monkeypatch.setenv(FONTS_VARIABLE, str(tmp_path / "no.ttf"))
    with pytest.raises(NeroError, match=r"Expected font files in NERO_REPORT_FONTS.*no\.ttf.*unset it"):
        spelled("a")
    monkeypatch.setenv(FONTS_VARIABLE, str(tmp_path / "absent.ttf"))
    with pytest.raises(NeroError, match=r"absent\.ttf"):
        spelled("a")
