"""The report on the page "Screen an image"."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from nero_core.cli.app import app as command_line
from nero_core.store import audit_lines, open_store
from tests.dashboard.material import Offered
from tests.nero_core.case_report.certificates import pkcs12_file

Start = Callable[..., AppTest]

NOTES = "Repeat with dye.\n<b>报告</b>"


def prepared(running: AppTest) -> AppTest:
    """With notes and a date."""
    running.text_area(key="report_notes").set_value(NOTES)
    running.date_input(key="report_date").set_value(date(2026, 11, 28))
    return next(button for button in running.button if button.label == "Prepare").click().run()


def test_the_page_and_the_command_line_write_the_same_bytes(
    app: Start, offered: Offered, wide_bundle: Path, sample_folder: Path, tmp_path: Path
):
    running = prepared(app(sample="polyps"))
    assert not running.exception
    image = sample_folder / "polyps.jpg"
    digits = hashlib.sha256(image.read_bytes()).hexdigest()[:8]
    for form in ("pdf", "html"):
        out = tmp_path / f"out.{form}"
        options = ["--bundle", str(wide_bundle), "--device", "cpu", "--text", NOTES, "--date", "2026-11-28"]
        result = CliRunner().invoke(command_line, ["report", str(image), "--out", str(out), *options])
        assert result.exit_code == 0, result.output
        assert offered[f"report-{digits}.{form}"]() == out.read_bytes()


def test_a_signed_one_is_the_same_too_and_the_audit_log_has_its_digest(
    app: Start,
    offered: Offered,
    wide_bundle: Path,
    sample_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    (tmp_path / "seal.p12").write_bytes(pkcs12_file(""))
    monkeypatch.setenv("NERO_REPORT_CERTIFICATE", str(tmp_path / "seal.p12"))
    running = prepared(app(sample="polyps"))
    assert not running.exception and running.toggle(key="report_sign").value
    made = next(make for name, make in offered.items() if name.endswith(".pdf") and name.startswith("report-"))()
    out = tmp_path / "out.pdf"
    options = ["--bundle", str(wide_bundle), "--device", "cpu", "--text", NOTES, "--date", "2026-11-28", "--sign"]
    image = str(sample_folder / "polyps.jpg")
    assert CliRunner().invoke(command_line, ["report", image, "--out", str(out), *options]).exit_code == 0
    assert made == out.read_bytes() and b"ETSI.CAdES.detached" in made
    with open_store() as store:
        signed = [line for line in audit_lines(store) if line.action == "report signed"]
    assert len(signed) == 2 and all(hashlib.sha256(made).hexdigest() in line.details for line in signed)
    (tmp_path / "seal.p12").write_bytes(b"no certificate")
    running.run()
    assert not running.exception
    told = [error.value.replace("\\", "") for error in running.error]
    assert any("Expected NERO_REPORT_CERTIFICATE to name a PKCS #12 file" in line for line in told)


def test_files_are_offered_only_once_notes_and_date_are_taken(app: Start, offered: Offered):
    running = app(sample="polyps")
    assert not any(name.startswith("report-") for name in offered)
    prepared(running)
    assert {name[-4:] for name in offered if name.startswith("report-")} == {".pdf", "html"}


def test_another_image_is_prepared_anew(app: Start, offered: Offered):
    running = prepared(app(sample="polyps"))
    offered.clear()
    running.query_params["sample"] = "normal-cecum"
    running.run()
    assert not running.exception
    assert not any(name.startswith("report-") for name in offered)
